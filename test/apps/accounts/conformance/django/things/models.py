from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models


class Project(models.Model):
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]


class EmailManager(BaseUserManager):
    def create_user(self, email, password=None, **fields):
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class EmailUser(AbstractUser):
    """The usual user of a project whose users log in with an address."""

    email = models.EmailField(unique=True)
    objects = EmailManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["username"]
