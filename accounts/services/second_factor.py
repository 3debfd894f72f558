"""A second proof of who logs in as staff: codes of an authenticator app, and recovery codes for when it is lost.

The codes are those of RFC 6238, kept and checked by django-otp: each is taken once, and wrong ones make the next wait
longer and longer. Recovery codes are kept as keyed hashes only.
"""

import base64
import secrets
from collections.abc import Mapping
from typing import Any

import segno
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.crypto import salted_hmac
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

RECOVERY_CODES = 10
_RECOVERY_BYTES = 10
_DIGITS = 6


class WrongCode(Exception):
    """The code is not the one of this moment, was used before, or came too soon after wrong ones."""

    def __init__(self) -> None:
        super().__init__("This code is not right, or was used already: wait for the next one.")


def device_of(user: Any) -> TOTPDevice | None:
    """Return the app that a user has set up; None without one."""
    return TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).order_by("id").first()


def is_required(user: Any) -> bool:
    """Whether a user must set up a second factor before doing anything else."""
    return bool(settings.REQUIRE_SECOND_FACTOR and user.is_superuser)


def is_missing(user: Any, session: Mapping[str, Any]) -> bool:
    """Whether a session was opened without the second factor that its user has, or must have."""
    device = device_of(user)
    if device is None:
        return is_required(user)
    return bool(session.get(DEVICE_ID_SESSION_KEY) != device.persistent_id)


def begin(user: User) -> TOTPDevice:
    """Return the app that is being set up and not used yet; the same one until it is confirmed."""
    begun = TOTPDevice.objects.filter(user=user, confirmed=False).order_by("id").first()
    return begun or TOTPDevice.objects.create(user=user, confirmed=False, name="authenticator app")


def confirm(user: User, code: str) -> tuple[TOTPDevice, list[str]]:
    """Take the app into use once it shows a right code; return it with recovery codes, which are not shown again.

    Raises:
        WrongCode: The app shows another code; check its clock.
    """
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().get(pk=begin(user).pk)
        is_right = _is_code(code) and device.verify_token(code.strip())
        if is_right:
            TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
            device.confirmed = True
            device.save()
            return device, make_recovery_codes(user)
    # Outside the transaction, which keeps the count of wrong codes.
    raise WrongCode


def verify(user: Any, code: str) -> TOTPDevice:
    """Return the app of a user whose code, or one of whose recovery codes, is right; the code is used up.

    Raises:
        WrongCode: It is not, or it came too soon after wrong ones.
    """
    with transaction.atomic():
        devices = TOTPDevice.objects.select_for_update().filter(user_id=user.pk, confirmed=True).order_by("id")
        device = devices.first()
        if device is not None and _is_right(device, user, code):
            return device
    raise WrongCode


def make_recovery_codes(user: User) -> list[str]:
    """Replace a user's recovery codes by new ones, each good for one log-in."""
    codes = [base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery codes")
        StaticToken.objects.bulk_create(StaticToken(device=device, token=_hashed(code)) for code in codes)
    return codes


def recovery_codes_left(user: User) -> int:
    return int(StaticToken.objects.filter(device__user=user).count())


def remove(user: User) -> bool:
    """Take the second factor from a user; sessions of the user stay, and the password is enough again."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        return bool(TOTPDevice.objects.filter(user=user).delete()[0])


def picture(device: TOTPDevice) -> str:
    """Return a QR code of the app's secret as a data address, made here so that the secret goes nowhere else."""
    return str(segno.make(device.config_url, error="m").svg_data_uri(scale=5, border=3, dark="#111", light="#fff"))


def secret(device: TOTPDevice) -> str:
    """Return the app's secret in groups of four, for those who cannot take a picture."""
    text = base64.b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def _is_right(device: TOTPDevice, user: Any, code: str) -> bool:
    if _is_code(code):
        return bool(device.verify_token(code.strip()))
    recovery = StaticDevice.objects.select_for_update().filter(user_id=user.pk).first()
    return recovery is not None and bool(recovery.verify_token(_hashed(code)))


def _is_code(code: str) -> bool:
    text = code.strip()
    return text.isascii() and text.isdigit() and len(text) == _DIGITS


def _hashed(code: str) -> str:
    """Return 80 bits under a key of ours: as many as a recovery code has, and as the column takes."""
    plain = "".join(code.lower().split()).replace("-", "")
    keyed = salted_hmac("second-factor-recovery", plain, algorithm="sha256").digest()
    return base64.b32encode(keyed[:_RECOVERY_BYTES]).decode().lower()
