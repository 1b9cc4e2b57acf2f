"""The agents' units: valid for systemd, and tight."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.real.units import (
    BOOT,
    CPANEL,
    EDGE,
    EXIM,
    HOST,
    UNITS,
    capabilities,
    here_or_failed,
    installed,
    settings,
)
from workers.host_agent import AgentSettings

pytestmark = pytest.mark.real

MOST_EXPOSED = {(HOST,): 25, (HOST, EXIM): 30, (HOST, CPANEL): 15, (EDGE,): 20, (BOOT,): 20}
"""Tenths, of `systemd-analyze security`. Without a sandbox it is 9.6 of 10."""
COMBINED = list(MOST_EXPOSED)
READS_ANY_FILE = {"CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER"}


@pytest.fixture
def systemd() -> str:
    found = shutil.which("systemd-analyze")
    here_or_failed(None if found else "systemd is not installed (Debian: apt-get install systemd)")
    assert found is not None
    return found


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("files", COMBINED, ids="+".join)
def test_systemd_accepts_them(systemd: str, tmp_path: Path, files: tuple[str, ...]) -> None:
    unit = installed(tmp_path, *files)
    done = run(systemd, "verify", "--man=no", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("files", COMBINED, ids="+".join)
def test_little_is_left_open(systemd: str, tmp_path: Path, files: tuple[str, ...]) -> None:
    unit = installed(tmp_path, *files)
    threshold = f"--threshold={MOST_EXPOSED[files]}"
    done = run(systemd, "security", "--offline=yes", "--no-pager", threshold, str(unit))
    assert done.returncode == 0, done.stdout


def test_an_open_unit_would_be_found(systemd: str, tmp_path: Path) -> None:
    unit = installed(tmp_path, HOST)
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    threshold = f"--threshold={max(MOST_EXPOSED.values())}"
    done = run(systemd, "security", "--offline=yes", "--no-pager", threshold, str(unit))
    assert done.returncode != 0


@pytest.mark.parametrize("files", [(HOST,), (HOST, CPANEL), (EDGE,)], ids="+".join)
def test_no_agent_but_exims_has_a_capability_that_reads_any_file(files: tuple[str, ...]) -> None:
    assert not READS_ANY_FILE & capabilities(*files)


@pytest.mark.parametrize("files", COMBINED, ids="+".join)
def test_no_agent_sees_homes_or_gains_rights(files: tuple[str, ...]) -> None:
    service = settings(*files)
    assert service["NoNewPrivileges"] == service["ProtectHome"] == ["yes"]
    assert not capabilities(*files) & {"CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_MODULE"}


def test_the_agent_of_a_cpanel_server_is_nobody_in_particular() -> None:
    assert settings(HOST, CPANEL)["User"][-1] == "plazo-agent"
    assert capabilities(HOST, CPANEL) == set()


def test_rules_are_there_before_the_network_and_after_the_administrators() -> None:
    unit = (UNITS / BOOT).read_text()
    assert "Before=network-pre.target plazo-edge-agent.service" in unit
    assert "After=nftables.service" in unit
    assert "After=network" not in unit


@pytest.mark.parametrize("unit", [HOST, EDGE])
def test_the_key_is_in_no_environment(unit: str) -> None:
    service = settings(unit)
    assert service["LoadCredential"] == ["host-key:/etc/plazo-agent/host-key"]
    assert not [each for each in service["Environment"] if "KEY" in each]


def test_the_key_that_systemd_hands_over_is_the_agents(tmp_path: Path) -> None:
    (tmp_path / "host-key").write_text("plazo_host_0123456789abcdef\n")
    env = {"PLAZO_GATEWAY": "https://plazo.example", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert AgentSettings.read(env).host_key == "plazo_host_0123456789abcdef"
    env["PLAZO_HOST_KEY"] = "plazo_host_of_the_environment"
    assert AgentSettings.read(env).host_key == "plazo_host_of_the_environment"
