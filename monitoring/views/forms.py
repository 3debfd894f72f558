from django import forms

from accounts.models import Team
from routing.serializers.decisions import MAX_PROMPT_CHARACTERS


class DecideForm(forms.Form):
    prompt = forms.CharField(
        max_length=MAX_PROMPT_CHARACTERS,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "placeholder": "Write a prompt as your code would send it …"}),
    )
    team = forms.ModelChoiceField(
        Team.objects.filter(is_active=True), required=False, to_field_name="slug", empty_label="No team: shared policy"
    )
