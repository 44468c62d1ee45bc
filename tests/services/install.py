"""Installs services once: whole or not at all, whoever asks, however many at a time."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.services.errors import ServiceError
from tests.services.places import HOME, locked

POM = Path(__file__).with_name("pom.xml")
OLDEST_JAVA = 17
VERSITYGW = "v1.8.0"
ANOTHER_KAFKA = "or name a broker that runs already: KESTRA_STREAM_TEST_KAFKA=host:port"
ANOTHER_S3 = "or name a server that runs already: KESTRA_STREAM_TEST_S3=http://host:port (and its keys, see docs/testing.md)"


def kafka() -> Path:
    """Return the directory of the broker's jars, installed with Maven if they are not there yet."""
    pin = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    java()
    return installed(f"kafka-{pin}", _copy_jars)


def versitygw() -> Path:
    """Return the S3-compatible server, built with Go if it is not there yet."""
    return installed(f"versitygw-{VERSITYGW}", _build_versitygw) / "versitygw"


def installed(name: str, install: Callable[[Path], None], home: Path = HOME) -> Path:
    """Return a directory of that name below `home`; one that is missing is filled elsewhere first and then renamed, under a lock."""
    target = home / name
    if not target.is_dir():
        with locked(home / f"{name}.lock"):
            if not target.is_dir():
                for left in home.glob(f"{name}.part-*"):
                    shutil.rmtree(left)
                part = Path(mkdtemp(prefix=f"{name}.part-", dir=home))
                install(part)
                part.rename(target)
    return target


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run a command of an installation; when it fails, the error shows what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        raise ServiceError(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")


def _copy_jars(target: Path) -> None:
    maven = tool("mvn", "Maven (Debian, Ubuntu: apt install maven; macOS: brew install maven)", ANOTHER_KAFKA)
    print("Installing Kafka (once; Maven fetches 45 MB) ...", flush=True)  # noqa: T201  # who waits wants to know for what
    run([maven, "-B", "-q", "-C", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"])


def _build_versitygw(target: Path) -> None:
    go = tool("go", "Go (https://go.dev/dl; macOS: brew install go)", ANOTHER_S3)
    print("Building an S3 server (once; about a minute) ...", flush=True)  # noqa: T201  # as above
    run([go, "install", f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW}"], {"GOBIN": str(target)})


@cache
def java() -> str:
    """Return the java to run a broker with: of JAVA_HOME, or of the path."""
    return find_java(os.environ.get("JAVA_HOME"))


def find_java(home: str | None) -> str:
    """Return the java of a directory (of the path without one); an error says when it is not new enough."""
    remedy = f"a Java of {OLDEST_JAVA} or newer (Debian, Ubuntu: apt install openjdk-17-jre-headless; macOS: brew install openjdk)"
    found = str(Path(home) / "bin" / "java") if home else tool("java", remedy, ANOTHER_KAFKA)
    said = _said(found)
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise ServiceError(f"{found} is too old or no Java at all ({said.strip()}). Install {remedy}, {ANOTHER_KAFKA}.")
    return found


def java_version() -> str:
    """Return what the java to run a broker with says of itself."""
    return _said(java())


@cache
def _said(java: str) -> str:
    try:
        return subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    except OSError as error:
        return str(error)


def tool(name: str, remedy: str, instead: str) -> str:
    """Return the path of a program; an error names what to install."""
    found = shutil.which(name)
    if found is None:
        raise ServiceError(f"The program `{name}` is not there. Install {remedy}, {instead}.")
    return found
