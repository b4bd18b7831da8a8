"""Logging in, the account, and the first start."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "login_title": ("Log in", "Вход"),
    "login_email": ("Email", "Email"),
    "login_password": ("Password", "Пароль"),
    "login_button": ("Log in", "Войти"),
    "login_wrong": (
        "This address and this password do not go together.",
        "Адрес и пароль не подходят друг к другу.",
    ),
    "login_forgotten": (
        "Forgotten? Whoever runs the server prints a link by: tocsin user link EMAIL",
        "Забыли? Администратор сервера получит ссылку командой: tocsin user link EMAIL",
    ),
    "login_first": (
        "There is no account yet. The server printed a link to make the first one when it started.",
        "Учётных записей ещё нет. При запуске сервер напечатал ссылку для создания первой.",
    ),
    "too_many": (
        "There were too many wrong attempts. Wait a quarter of an hour, or use a new link.",
        "Слишком много неверных попыток. Подождите четверть часа или используйте новую ссылку.",
    ),
    "code_title": ("One-time code", "Одноразовый код"),
    "code_said": ("Type the six digits that your app shows.", "Введите шесть цифр из приложения."),
    "code_label": ("Code", "Код"),
    "code_wrong": (
        "This code is not right, or was used before. Wait for the next one.",
        "Код неверен или уже использован. Дождитесь следующего.",
    ),
    "code_button": ("Go on", "Продолжить"),
    "welcome_title": ("Welcome to Tocsin", "Добро пожаловать в Tocsin"),
    "welcome_said": (
        "You are the first one here. Make the account of the owner; you can invite others later.",
        "Вы здесь первый. Создайте учётную запись владельца; других можно пригласить позже.",
    ),
    "welcome_again": ("Choose a password for {email}.", "Выберите пароль для {email}."),
    "welcome_name": ("Your name", "Ваше имя"),
    "welcome_button": ("Begin", "Начать"),
    "password_new": ("New password", "Новый пароль"),
    "password_old": ("Present password", "Текущий пароль"),
    "password_hint": ("At least {n} characters.", "Не меньше {n} символов."),
    "link_void_title": ("This link does not work any more", "Ссылка больше не работает"),
    "link_void_said": (
        "Links work once and for a day. Restart the server for a new first link, or ask an owner for an invitation.",
        (
            "Ссылка действует один раз и один день. Перезапустите сервер, чтобы получить новую первую ссылку, "
            "или попросите приглашение у владельца."
        ),
    ),
    "account_title": ("Your account", "Ваша учётная запись"),
    "account_about": ("About you", "О вас"),
    "account_language": ("Language", "Язык"),
    "account_language_browser": ("As the browser", "Как в браузере"),
    "account_timezone": ("Time zone", "Часовой пояс"),
    "account_timezone_hint": (
        "As Europe/Berlin. Leave it empty for that of the browser.",
        "Например, Europe/Berlin. Оставьте пустым, чтобы брать из браузера.",
    ),
    "account_password": ("Password", "Пароль"),
    "account_password_button": ("Change the password", "Сменить пароль"),
    "said_account_password_changed": (
        "The password is changed. You are logged out everywhere else.",
        "Пароль изменён. На других устройствах вы вышли из системы.",
    ),
    "account_password_wrong": ("This is not your present password.", "Это не текущий пароль."),
    "account_codes": ("One-time codes", "Одноразовые коды"),
    "account_codes_off": (
        "Somebody who learns your password gets in. With an app that makes one-time codes, the password is not enough.",
        "Узнавший пароль сможет войти. С приложением для одноразовых кодов одного пароля мало.",
    ),
    "account_codes_on": ("Logging in asks for a code of your app.", "При входе нужен код из приложения."),
    "account_codes_scan": (
        "Scan this with an app such as FreeOTP, Aegis or Google Authenticator, then type the code that it shows.",
        "Отсканируйте приложением (FreeOTP, Aegis, Google Authenticator) и введите код, который оно покажет.",
    ),
    "account_codes_secret": ("Or type this secret there:", "Или введите там этот ключ:"),
    "account_codes_begin": ("Set up one-time codes", "Настроить одноразовые коды"),
    "account_codes_finish": ("Turn on", "Включить"),
    "account_codes_end": ("Turn off one-time codes", "Выключить одноразовые коды"),
    "said_account_codes_begun": ("From now on logging in asks for a code.", "Теперь при входе нужен код."),
    "said_account_codes_ended": ("Logging in asks for no code any more.", "При входе код больше не нужен."),
    "account_sessions": ("Where you are logged in", "Где вы вошли"),
    "account_sessions_browser": ("Browser", "Браузер"),
    "account_sessions_ip": ("Address", "Адрес"),
    "account_sessions_seen": ("Last used", "Последнее действие"),
    "account_sessions_this": ("this one", "этот"),
    "account_sessions_end": ("Log out everywhere else", "Выйти на других устройствах"),
    "said_account_sessions_ended": (
        "You are logged out everywhere else.",
        "На других устройствах вы вышли из системы.",
    ),
    "said_logged_out": ("You are logged out.", "Вы вышли из системы."),
    "users_title": ("Users", "Пользователи"),
    "users_said": ("Who may use this console, and for what.", "Кто может пользоваться консолью и для чего."),
    "users_name": ("Name", "Имя"),
    "users_role": ("Role", "Роль"),
    "users_seen": ("Last seen", "Последний вход"),
    "users_never": ("never", "никогда"),
    "users_state": ("State", "Состояние"),
    "users_active": ("active", "активен"),
    "users_invited": ("invited", "приглашён"),
    "users_disabled": ("closed", "закрыт"),
    "users_codes": ("one-time codes", "одноразовые коды"),
    "users_invite": ("Invite somebody", "Пригласить"),
    "users_invite_button": ("Make the invitation", "Создать приглашение"),
    "users_link_title": ("Send this link", "Отправьте эту ссылку"),
    "users_link_said": (
        "It lets {email} choose a password, works once, for a day, and is not shown again.",
        "По ней {email} выберет пароль. Она действует один раз, один день и больше не будет показана.",
    ),
    "users_link_button": ("New link to choose a password", "Новая ссылка для выбора пароля"),
    "users_disable": ("Close this account", "Закрыть учётную запись"),
    "users_enable": ("Open this account again", "Открыть учётную запись снова"),
    "users_codes_end": ("Turn off their one-time codes", "Выключить одноразовые коды"),
    "users_delete": ("Delete this account", "Удалить учётную запись"),
    "users_roles_title": ("What roles may do", "Что могут роли"),
    "users_role_owner_said": (
        "Everything, also users, tokens and this log.",
        "Всё, включая пользователей, токены и журнал.",
    ),
    "users_role_editor_said": (
        "Everything but users, tokens and the audit log.",
        "Всё, кроме пользователей, токенов и журнала изменений.",
    ),
    "users_role_support_said": (
        "See everything, change profiles, put addresses on suppression lists.",
        "Видеть всё, изменять профили, добавлять адреса в списки подавления.",
    ),
    "users_role_viewer_said": ("See everything, change nothing.", "Видеть всё, ничего не менять."),
}
