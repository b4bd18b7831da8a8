"""The overview."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "overview_span": ("Time span", "Период"),
    "overview_span_hour": ("Hour", "Час"),
    "overview_span_day": ("Day", "День"),
    "overview_chart_hour": ("Messages a minute, last hour", "Сообщений в минуту за последний час"),
    "overview_chart_day": ("Messages in half an hour, last day", "Сообщений за полчаса за последние сутки"),
    "overview_chart_empty": (
        "Nothing was sent in this time. As soon as a launch sends something, its bars grow here.",
        "За это время ничего не отправлено. Как только что-то будет отправлено, здесь вырастут столбцы.",
    ),
    "overview_queue": ("Queue", "Очередь"),
    "overview_queue_empty": ("Nothing waits.", "Ничего не ждёт."),
    "overview_channel": ("Channel", "Канал"),
    "overview_waiting": ("Waiting", "Ждёт"),
    "overview_due": ("Due now", "Пора отправлять"),
    "overview_oldest": ("Oldest due", "Старейшее"),
    "overview_removed": ("Removed triggers", "Удалённые триггеры"),
    "overview_tasks": ("Tasks", "Задачи"),
    "overview_tasks_empty": (
        "No task yet. A call that ends with _task makes one, and so does an export.",
        "Задач ещё не было. Их создают вызовы, которые кончаются на _task, и выгрузки.",
    ),
    "overview_task_completed": ("done", "готово"),
    "overview_task_failed": ("failed", "ошибка"),
    "overview_launches": ("Latest launches", "Последние запуски"),
    "overview_all_launches": ("All launches", "Все запуски"),
    "overview_launches_empty": (
        "Nothing was launched yet. Call campaigns/triggers/import_and_start_batch, or launch a trigger from a profile.",
        "Запусков ещё не было. Вызовите campaigns/triggers/import_and_start_batch или запустите триггер из профиля.",
    ),
    "overview_trouble": ("Needs you", "Требует внимания"),
    "overview_sender": ("Sender", "Отправитель"),
    "overview_sender_fails": (
        "failed {n} time in a quarter of an hour, last|failed {n} times in a quarter of an hour, last",
        "не справился {n} раз за четверть часа, последний раз|не справился {n} раза за четверть часа, последний раз|"
        "не справился {n} раз за четверть часа, последний раз",
    ),
    "overview_sender_do": (
        "Look at host, port and password, then press Try on its page. Messages wait and are tried again.",
        "Проверьте хост, порт и пароль и нажмите «Проверить» на его странице. Сообщения ждут и будут отправлены снова.",
    ),
    "overview_hook": ("Hook", "Хук"),
    "overview_events_wait": (
        "{n} event waits|{n} events wait",
        "{n} событие ждёт|{n} события ждут|{n} событий ждут",
    ),
    "overview_hook_do": (
        "Put its server right, then press Go on on its page. Nothing is lost meanwhile.",
        "Исправьте сервер и нажмите «Продолжить» на его странице. Ничего не теряется.",
    ),
    "overview_first_title": ("From here to the first message", "Отсюда до первого сообщения"),
    "overview_first_said": (
        "Five steps, a few minutes. Or apply a configuration file under Settings.",
        "Пять шагов, несколько минут. Или примените файл конфигурации в настройках.",
    ),
    "overview_first_database": ("Make a database for your customers", "Создайте базу данных для клиентов"),
    "overview_first_sender": ("Say by which mail server to send", "Укажите почтовый сервер для отправки"),
    "overview_first_template": ("Write a template", "Напишите шаблон"),
    "overview_first_trigger": ("Make a trigger that sends it", "Создайте триггер, который его отправит"),
    "overview_first_profile": ("Add yourself as a profile and launch", "Добавьте себя как профиль и запустите"),
    "traffic_sent": ("Sent", "Отправлено"),
    "traffic_deferred": ("Deferred", "Отложено"),
    "traffic_failed": ("Failed", "Не удалось"),
    "traffic_skipped": ("Skipped", "Пропущено"),
    "traffic_delivered": ("Delivered", "Доставлено"),
    "traffic_opened": ("Opened", "Открыто"),
    "traffic_clicked": ("Clicked", "Переходы"),
    "traffic_cancelled": ("Cancelled", "Отменено"),
    "traffic_bounced": ("Bounced", "Возвраты"),
    "traffic_complained": ("Complained", "Жалобы"),
    "traffic_unsubscribed": ("Unsubscribed", "Отписались"),
    "launches_title": ("Launches", "Запуски"),
    "launches_when": ("When", "Когда"),
    "launches_what": ("What", "Что"),
    "launches_source": ("By", "Откуда"),
    "launches_size": ("Messages", "Сообщений"),
}
