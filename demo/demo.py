"""The main job on real input: import customers, launch triggers, and show the mail that arrived.

`python demo/demo.py` runs it once and ends, with a mail server beside it that keeps files; `--keep` serves on
127.0.0.1:8080 until interrupted, with the inbox that is built in.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from inbox import Inbox

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".demo"
TOKEN = "abcdefghijklmnqrstuvwxyz"  # noqa: S105 - the development token of tocsin.yaml
CROWD = 1000
PATIENCE_SECONDS = 60.0

CUSTOMERS = [
    {
        "_fname": "Victoria",
        "_lname": "Sponge",
        "email": "victoria@example.com",
        "phones": "+79000000000",
        "bonus": 120,
        "interests": ["baking", "tea"],
        "subscriptions": [
            {"channel": "email", "email": "victoria.private@example.org", "resource_id": 21},
            {"channel": "phone", "phone": "+79000005478", "resource_id": 20},
        ],
    },
    {"_fname": "Дмитрий", "email": "dmitri@example.com", "plan": "pro"},
    {"_fname": "Nobody", "email": "this is no address"},
]
ORDER = {
    "order": "A-1042",
    "lines": [{"name": "Oolong, 100 g", "pieces": 2, "price": "18.00"}, {"name": "Teapot <small>", "price": "34.50"}],
    "total": "70.50",
}
NOTES = {"name": "Notes – заметки.txt", "data": "data:text/plain;base64,SGVsbG8gZnJvbSBUb2NzaW4hCg=="}

XML_CALL = f"""<xml>
<token>{TOKEN}</token>
<trigger_id>96</trigger_id>
<matching>email</matching>
<data><_fname>Brooklyn</_fname><email>brooklyn@example.com</email><phones>+79000849376</phones></data>
<data><_fname>Zoë</_fname><email>zoe@example.com</email><interests>music</interests><interests>tea</interests></data>
<content><page>registration_form</page></content>
</xml>"""


XML_WORKFLOW_TASK = f"""<xml>
<token>{TOKEN}</token>
<workflow_id>12</workflow_id>
<matching>email</matching>
<data><_fname>Herbert</_fname><email>herbert@example.com</email></data>
<data><_fname>Bert</_fname><email>bert@example.com</email></data>
<content><page>blog</page></content>
</xml>"""


def xml_task(items: int) -> str:
    """A call for many, in XML."""
    people = "".join(
        f"<data><_fname>Guest {number}</_fname><email>guest{number}@example.net</email></data>"
        for number in range(items)
    )
    return f"<xml><token>{TOKEN}</token><trigger_id>96</trigger_id><matching>email</matching>{people}</xml>"


class Server:
    """A running `tocsin serve` with an inbox that its only sender delivers to: of files, or its own."""

    def __init__(self, *, keep: bool) -> None:
        self.inbox = None if keep else Inbox(FOLDER / "inbox")
        self.mail_port = self.inbox.port if self.inbox else 2525
        self._listen = "127.0.0.1:8080" if keep else "127.0.0.1:0"
        self._settings = {
            "TOCSIN_DATA_DIR": str(FOLDER / "data"),
            "TOCSIN_LOG_LEVEL": "warning",
            "TOCSIN_LOG_FORMAT": "text",
            "TOCSIN_INBOX_LISTEN": f"127.0.0.1:{self.mail_port}" if keep else "",
        }
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Configure, then serve; returns once requests are answered."""
        if self.inbox:
            self.inbox.start()
        configuration = FOLDER / "tocsin.yaml"
        text = (HERE / "tocsin.yaml").read_text("utf-8").replace("port: 2525", f"port: {self.mail_port}")
        configuration.write_text(text, "utf-8")
        command = [sys.executable, "-m", "tocsin", "serve", "--listen", self._listen, "--config", str(configuration)]
        self._process = subprocess.Popen(command, env=os.environ | self._settings, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.startswith("tocsin ready on "):
            raise SystemExit("demo: the server did not start")
        self.url = line.split()[-1]

    def wait(self) -> None:
        """Until it ends by itself."""
        if self._process:
            self._process.wait()

    def stop(self) -> int:
        """Drain and end; its exit status."""
        status = 0
        if self._process:
            self._process.terminate()
            status = self._process.wait(PATIENCE_SECONDS)
            if self._process.stdout:
                self._process.stdout.close()
        if self.inbox:
            self.inbox.stop()
        return status

    def count_mails(self) -> int:
        """How many have arrived."""
        if self.inbox:
            return len(self.inbox.messages)
        return int(self.run("inbox", "list", "--limit", "0").split()[0])

    def run(self, *arguments: str) -> str:
        """What a command of the program prints."""
        command = [sys.executable, "-m", "tocsin", *arguments]
        return subprocess.run(
            command, env=os.environ | self._settings, capture_output=True, text=True, check=True
        ).stdout

    def post(self, method: str, body: bytes, encoding: str) -> bytes:
        """One call."""
        request = urllib.request.Request(  # noqa: S310 - our own server on loopback
            f"{self.url}/api/v1.1/{method}", body, {"content-type": f"application/{encoding}"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:  # noqa: S310 - as above
            answer: bytes = response.read()
            return answer

    def post_json(self, method: str, **members: Any) -> dict[str, Any]:
        """One call in JSON."""
        answer: dict[str, Any] = json.loads(self.post(method, json.dumps({"token": TOKEN} | members).encode(), "json"))
        return answer

    def post_xml(self, method: str, text: str) -> ET.Element:
        """One call in XML."""
        return ET.fromstring(self.post(method, text.encode(), "xml"))  # noqa: S314 - our own server's answer


def say(title: str, answer: object = "") -> None:
    """A step, and what was answered."""
    print(f"\n{title}")
    if answer:
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        print(f"  {text[:300]}{'…' if len(text) > 300 else ''}")  # noqa: PLR2004 - what fits three lines


def run(server: Server) -> int:
    """Every kind of call; how many messages they launch."""
    launch = "campaigns/triggers/"
    answer = server.post_json(
        launch + "import_and_start_batch",
        trigger_id=8,
        matching="email",
        content=ORDER,
        attach=[NOTES],
        custom_data={"shop": "demo"},
        data=[{"data": customer} for customer in CUSTOMERS],
    )
    say("1. JSON, answered with the profile ids: three customers, one of them with a broken address", answer)
    launched = len(answer["result"])
    root = server.post_xml(launch + "import_and_start_batch", XML_CALL)
    say("2. The same in XML: two more", ET.tostring(root, "unicode"))
    launched += len(root.findall("result"))
    answer = server.post_json(
        launch + "start_batch", trigger_id=97, content={"page": "spring"}, data=[{"email": "victoria@example.com"}]
    )
    say("3. Launch for a known customer: her newsletter subscription is chosen", answer)
    launched += len(answer["result"])
    people = [{"data": {"_fname": f"Visitor {n}", "email": f"visitor{n}@example.net"}} for n in range(CROWD)]
    answer = server.post_json(launch + "import_and_start_batch_task", trigger_id=96, matching="email", data=people)
    say(f"4. A task in JSON for {CROWD} customers", answer)
    launched += watch(server, answer["task_id"])
    root = server.post_xml(launch + "import_and_start_batch_task", xml_task(CROWD))
    say(f"5. A task in XML for {CROWD} more", ET.tostring(root, "unicode"))
    launched += watch(server, root.findtext("task_id") or "")
    return launched + run_workflow(server)


def run_workflow(server: Server) -> int:
    """Send customers into the scenario; how many messages it has for them."""
    carts = [
        {"data": {"_fname": f"Shopper {n}", "email": f"shopper{n}@example.net", "bonus": n % 2}} for n in range(20)
    ]
    answer = server.post_json(
        "workflows/import_and_start_batch", workflow_id=12, matching="email", content={"page": "cart"}, data=carts
    )
    say(
        "6. Twenty customers into a workflow: a letter, a pause, then whoever has bought nothing may get another",
        answer,
    )
    root = server.post_xml("workflows/import_and_start_batch_task", XML_WORKFLOW_TASK)
    say("7. A task in XML for two who come from elsewhere: the same workflow sends them another letter")
    watch(server, root.findtext("task_id") or "")
    numbers = wait_for_workflow(server)
    print("\n".join(f"  {line}" for line in server.run("workflow", "show", "12").splitlines()))
    return sum(number["through"] for node, number in numbers.items() if node in ("hello", "reminder", "again"))


def wait_for_workflow(server: Server) -> dict[str, dict[str, Any]]:
    """The numbers of the workflow's nodes, once everybody has come to the end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        numbers = {one["node_id"]: one for one in server.post_json("workflows/get", id=12)["data"]["numbers"]}
        if not sum(one["inside"] for one in numbers.values()):
            return numbers
        time.sleep(0.1)
    raise SystemExit("demo: the workflow did not end")


def watch(server: Server, task_id: str) -> int:
    """Show a task's progress to its end; how many profiles it launched for."""
    shown = ""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        data = server.post_json("tasks/status", task_id=task_id)["data"]
        state = f"{data['status']} {data['progress']} %"
        if state != shown:
            print(f"  {state}")
            shown = state
        if data["status"] in ("completed", "failed"):
            return len(data["result"].get("result", ()))
        time.sleep(0.02)
    raise SystemExit("demo: the task did not end")


def wait_for_mail(server: Server, expected: int) -> None:
    """Until every message has arrived."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (arrived := server.count_mails()) < expected:
        if time.monotonic() > deadline:
            raise SystemExit(f"demo: {arrived} of {expected} messages arrived")
        time.sleep(0.05)


def show(server: Server) -> None:
    """A table of what arrived."""
    if server.inbox:
        show_files(server.inbox)
        return
    print(f"\n8. What arrived in the inbox at 127.0.0.1:{server.mail_port}, the newest first\n")
    print("".join(f"  {line}\n" for line in server.run("inbox", "list", "--limit", "9").splitlines()))
    folder = os.path.relpath(FOLDER / "data")
    print(f"  To read one: {os.path.relpath(sys.executable)} -m tocsin inbox show ID --data-dir {folder}")


def show_files(inbox: Inbox) -> None:
    """A table of what arrived, and in which files it is."""
    print(f"\n8. What arrived at the SMTP server on 127.0.0.1:{inbox.port}: {len(inbox.messages)} messages\n")
    print(f"  {'to':32} {'subject':34} where to read it")
    for received in [*inbox.messages[:7], *inbox.messages[-2:]]:
        mail = message_from_bytes(received.path.read_bytes(), policy=policy.default)
        print(f"  {mail['to']:32} {str(mail['subject'])[:33]:34} {os.path.relpath(received.path)}")
    print(f"  … and {max(len(inbox.messages) - 9, 0)} more in {os.path.relpath(inbox.folder)}")


def main() -> int:
    """Run, show, and end, or serve on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="serve on 127.0.0.1:8080 until interrupted")
    keep = parser.parse_args().keep
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    server = Server(keep=keep)
    started = time.monotonic()
    try:
        server.start()
        say(f"Tocsin answers on {server.url} after {time.monotonic() - started:.1f} s, with a database of its own")
        launched = run(server)
        wait_for_mail(server, launched)
        show(server)
        if keep:
            print(f"\nLook around: {server.url}, token {TOKEN}; Ctrl-C ends.")
            server.wait()
    except KeyboardInterrupt:
        print()
    finally:
        status = server.stop()
    print(f"\nEverything launched has arrived. The server drained and ended with {status}.")
    return status


if __name__ == "__main__":
    sys.exit(main())
