"""Writes each mail into a file of its own, with its header lines unfolded."""

import itertools
import time
from pathlib import Path

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend

numbers = itertools.count()


class EmailBackend(BaseEmailBackend):
    def send_messages(self, messages):
        for message in messages:
            name = f"{time.time_ns()}-{next(numbers):06}.txt"
            text = f"To: {message.to[0]}\nSubject: {' '.join(message.subject.split())}\n\n{message.body}\n"
            part = Path(settings.MAIL_FOLDER, f".{name}")
            part.write_text(text)
            part.rename(Path(settings.MAIL_FOLDER, name))
        return len(messages)
