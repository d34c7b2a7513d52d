"""Emissions, where they can be measured: codecarbon, offline, on a machine whose power can be read."""

import glob
import os
from pathlib import Path
from typing import Any


def why_not(settings: dict[str, Any]) -> str | None:
    """Why no figure can be given; None when one can."""
    tracking = settings.get("carbon_tracking") or {}
    if not tracking.get("enabled"):
        return "carbon tracking is off"
    if not tracking.get("country_iso_code"):
        return "carbon_tracking.country_iso_code is not set (three letters, such as DEU): without it nobody knows the grid"
    try:
        import codecarbon  # noqa: F401
    except ImportError:
        return "codecarbon is not installed"
    if not (_rapl_can_be_read() or _nvml_can_be_read()):
        return "this machine's power cannot be read (no RAPL, no NVML): a guess is not written down as a measurement"
    return None


def _rapl_can_be_read() -> bool:
    return any(os.access(path, os.R_OK) for path in glob.glob("/sys/class/powercap/intel-rapl:*/energy_uj"))


def _nvml_can_be_read() -> bool:
    try:
        import pynvml

        pynvml.nvmlInit()
        pynvml.nvmlDeviceGetPowerUsage(pynvml.nvmlDeviceGetHandleByIndex(0))
    except Exception:  # Whatever its reason: there is no reading.
        return False
    return True


class Carbon:
    """Kilograms of CO2 equivalent since the start, or None with the reason."""

    def __init__(self, settings: dict[str, Any], output: Path):
        self.reason = why_not(settings)
        self.kilograms: float | None = None
        self._tracker = None
        if self.reason is not None:
            return
        from codecarbon import OfflineEmissionsTracker

        tracking = settings["carbon_tracking"]
        folder = output / "emissions"
        folder.mkdir(parents=True, exist_ok=True)
        self._tracker = OfflineEmissionsTracker(
            country_iso_code=tracking["country_iso_code"],
            project_name=tracking.get("project_name") or settings["project"]["name"],
            output_dir=str(folder),
            log_level="error",
            allow_multiple_runs=True,
        )
        self._tracker.start()

    def look(self) -> float | None:
        if self._tracker is not None:
            self.kilograms = self._tracker.flush()
        return self.kilograms

    def stop(self) -> float | None:
        if self._tracker is not None:
            self.kilograms = self._tracker.stop()
            self._tracker = None
        return self.kilograms
