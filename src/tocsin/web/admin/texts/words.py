"""Words of the program that pages show: roles, channels, states."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "role_owner": ("Owner", "Владелец"),
    "role_editor": ("Editor", "Редактор"),
    "role_support": ("Support", "Поддержка"),
    "role_viewer": ("Viewer", "Наблюдатель"),
    "channel_email": ("Email", "Email"),
    "channel_sms": ("SMS", "SMS"),
    "channel_push": ("Push", "Push"),
    "task_triggers.start": ("Launch of a trigger", "Запуск триггера"),
    "task_workflows.start": ("Launch of a scenario", "Запуск сценария"),
    "task_profiles.export": ("Export of profiles", "Выгрузка профилей"),
    "section_databases": ("Databases", "Базы данных"),
    "section_resources": ("Resources", "Ресурсы"),
    "section_senders": ("Senders", "Отправители"),
    "section_templates": ("Templates", "Шаблоны"),
    "section_triggers": ("Triggers", "Триггеры"),
    "section_workflows": ("Scenarios", "Сценарии"),
    "section_suppression_lists": ("Suppression lists", "Списки подавления"),
    "section_policies": ("Sending policies", "Политики отправки"),
    "section_hooks": ("Hooks", "Хуки"),
    "section_tokens": ("Tokens", "Токены"),
    "section_users": ("Users", "Пользователи"),
    "section_profiles": ("Profiles", "Профили"),
    "section_launches": ("Launches", "Запуски"),
    "section_suppressions": ("Suppressed addresses", "Подавленные адреса"),
    "section_inbox": ("Inbox", "Входящие"),
}
