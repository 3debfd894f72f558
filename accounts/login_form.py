"""The form of the admin's log-in; outside the admin package, which needs the site that is made with it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.services import second_factor


class StaffLoginForm(AuthenticationForm):
    """Asks for name and password, and for a code of those who have set up a second factor."""

    code = forms.CharField(
        required=False,
        max_length=40,
        help_text="Only if you have set up two-factor login: the six digits of your app, or a recovery code.",
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "spellcheck": "false"}
        ),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        user = self.get_user()
        if user is not None and second_factor.device_of(user) is not None:
            # Said only to who knows the password: nobody else learns whether there is a second factor.
            if not cleaned.get("code"):
                raise ValidationError("Enter your password again, with the code of your app or a recovery code.")
            try:
                # Django's log-in notes it in the session.
                user.otp_device = second_factor.verify(user, cleaned["code"])
            except second_factor.WrongCode as error:
                raise ValidationError(str(error)) from error
        return cleaned
