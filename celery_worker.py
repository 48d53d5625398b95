"""The workers and beat: `celery -A celery_worker worker|beat`."""

import logging

from celery import Celery

from campaign_app import create_app
from campaign_app.tasks.queues import ContextTask

logging.captureWarnings(True)  # Celery warns before it has set up its logs
flask_app = create_app(doors=())
celery: Celery[ContextTask] = flask_app.extensions["celery"]
