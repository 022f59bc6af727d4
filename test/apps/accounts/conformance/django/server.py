"""The real stack that answers.jsonl was recorded from: Django, Django REST Framework, Djoser, SimpleJWT.

    pip install Django==5.2.17 djangorestframework==3.18.0 djoser==2.3.4 djangorestframework-simplejwt==5.5.1
    python server.py FOLDER PORT '{"ROTATE_REFRESH_TOKENS": true}'

FOLDER receives the database and the mails, one text file each. The settings are named as in docs/accounts.md; those
that are left out have this project's defaults. Two users exist: staff and superuser.
"""

import json
import os
import sys
from datetime import timedelta

FOLDER, PORT, SET = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
PASSWORD = os.environ["CONFORMANCE_PASSWORD"]
BY_EMAIL = SET.get("LOGIN_FIELD") == "email"
DJOSER_NAMES = (
    "USER_CREATE_PASSWORD_RETYPE SET_PASSWORD_RETYPE SET_USERNAME_RETYPE PASSWORD_RESET_CONFIRM_RETYPE "
    "USERNAME_RESET_CONFIRM_RETYPE SEND_ACTIVATION_EMAIL SEND_CONFIRMATION_EMAIL "
    "PASSWORD_CHANGED_EMAIL_CONFIRMATION USERNAME_CHANGED_EMAIL_CONFIRMATION HIDE_USERS LOGOUT_ON_PASSWORD_CHANGE"
).split()

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="the key of a server that only answers this suite",
    DEBUG=False,
    ROOT_URLCONF="urls",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{FOLDER}/db.sqlite3",
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework.authtoken",
        "rest_framework_simplejwt.token_blacklist",
        "djoser",
        "things",
    ],
    AUTH_USER_MODEL="things.EmailUser" if BY_EMAIL else "auth.User",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    # Speed only.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    AUTH_PASSWORD_VALIDATORS=[
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in (
            "UserAttributeSimilarityValidator",
            "MinimumLengthValidator",
            "CommonPasswordValidator",
            "NumericPasswordValidator",
        )
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
    USE_TZ=True,
    TIME_ZONE="UTC",
    EMAIL_BACKEND="things.mail.EmailBackend",
    MAIL_FOLDER=f"{FOLDER}/mails",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": (
            "rest_framework_simplejwt.authentication.JWTAuthentication",
            "rest_framework.authentication.TokenAuthentication",
        ),
        "DEFAULT_PERMISSION_CLASSES": ("rest_framework.permissions.IsAuthenticated",),
        "DEFAULT_RENDERER_CLASSES": ("rest_framework.renderers.JSONRenderer",),
        "PAGE_SIZE": 20,
    },
    DJOSER={
        "PASSWORD_RESET_CONFIRM_URL": "password/reset/confirm/{uid}/{token}",
        "USERNAME_RESET_CONFIRM_URL": "username/reset/confirm/{uid}/{token}",
        "ACTIVATION_URL": "activate/{uid}/{token}",
        "HIDE_USERS": True,
        "LOGOUT_ON_PASSWORD_CHANGE": True,
        **{name: value for name, value in SET.items() if name in DJOSER_NAMES},
        **({"LOGIN_FIELD": "email"} if BY_EMAIL else {}),
    },
    SIMPLE_JWT={
        "ACCESS_TOKEN_LIFETIME": timedelta(seconds=SET.get("ACCESS_TOKEN_LIFETIME", 300)),
        "REFRESH_TOKEN_LIFETIME": timedelta(seconds=SET.get("REFRESH_TOKEN_LIFETIME", 86_400)),
        "ROTATE_REFRESH_TOKENS": SET.get("ROTATE_REFRESH_TOKENS", False),
        "BLACKLIST_AFTER_ROTATION": SET.get("BLACKLIST_AFTER_ROTATION", True),
        "UPDATE_LAST_LOGIN": SET.get("UPDATE_LAST_LOGIN", False),
    },
)

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    os.makedirs(f"{FOLDER}/mails", exist_ok=True)
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)
    users = get_user_model().objects
    for name, superuser in (("staff", False), ("superuser", True)):
        if not users.filter(username=name).exists():
            user = users.create(username=name, email=f"{name}@example.com", is_staff=True, is_superuser=superuser)
            user.set_password(PASSWORD)
            user.save()
    call_command("runserver", f"127.0.0.1:{PORT}", "--noreload", verbosity=0)
