"""What a report calls an object: its number, its designation, or a name for a new object."""

import logging
import re
from dataclasses import dataclass

from photpipe.ground.designations import Designation, Kind, packed_number, parse
from photpipe.ground.errors import ConfigError

log = logging.getLogger(__name__)

_TRACKLET = re.compile(r"(?=.*[A-Za-z])[-A-Za-z0-9_]{1,8}")
# what the schema of ADES 2022 (submit.xsd) takes for a permID and a provID
_PERMANENT = re.compile(r"\d+(?:[IPD](?:-[A-Z]{1,2})?)?|(?:Mars|Jupiter|Saturn|Uranus|Neptune) \d+")
_PROVISIONAL = re.compile(
    r"\d{4} [A-HJ-Y][A-HJ-Z]\d*|\d{4} (?:P-L|T-[123])|A[89]\d\d [A-HJ-Y][A-HJ-Z]"
    r"|[ADCPX]/\d{4} [A-Z]{1,2}\d*(?:-[A-Z])?|S/\d{4} [MJSUN] \d+"
)


@dataclass(frozen=True, slots=True)
class Identification:
    """What a report calls an object; exactly one of the three texts is not empty.

    Parameters
    ----------
    permanent : str
        Number of a minor planet (``3552``), comet (``73P``, ``73P-B``) or satellite
        (``Jupiter 13``).
    provisional : str
        Unpacked provisional designation (``2023 MQ5``, ``A899 CA``, ``C/2017 K2``).
    tracklet : str
        The observer's own name for a new object, at most eight characters.
    """

    permanent: str = ""
    provisional: str = ""
    tracklet: str = ""

    @property
    def packed(self) -> str:
        """Columns 1 to 12 of an 80-column record.

        Raises
        ------
        ConfigError
            If the designation has no packed form.
        """
        if self.tracklet:
            return f"     {self.tracklet:7.7s}"
        name = parse(self.permanent or self.provisional)
        try:
            return name.packed if name else ""
        except ValueError as error:
            message = f"{name} cannot be written in 80 columns: {error}; use -format psv or xml"
            raise ConfigError(message) from None


def identified(name: str) -> Identification:
    """Object of a name as observers write it (``3552``, ``(433) Eros``, ``2010_AB12``, ``A3552``).

    Raises
    ------
    ConfigError
        If the name is neither a number nor a designation nor a valid name of a new object, or
        is a designation that no report can carry.
    """
    designation = parse(name)
    if designation is not None:
        if packed_number(name.strip()):
            log.info("%s is read as the packed number of minor planet %s", name, designation)
        return _official(designation, name)
    if _TRACKLET.fullmatch(name):
        return Identification(tracklet=name)
    message = (
        f"{name!r} is not a number or designation that a report can carry; "
        "give one with -target, e.g. -target 2010_AB12, or a name of at most eight characters"
    )
    raise ConfigError(message)


def _official(designation: Designation, name: str) -> Identification:
    """Number or designation, if the reports have a form for it."""
    text = str(designation)
    if designation.permanent and _PERMANENT.fullmatch(text):
        return Identification(permanent=text)
    if _PROVISIONAL.fullmatch(text) and not _is_old_style(designation):
        return Identification(provisional=text)
    reason = "no report has a form for it"
    if designation.kind is Kind.COMET and "/" not in text:
        reason = f"the letter of the comet is missing, as in C/{text}"
    elif _is_old_style(designation):
        reason = "an old-style designation (before 1925)"
    raise ConfigError(f"{name!r}: {reason}; give its number with -target")


def _is_old_style(designation: Designation) -> bool:
    """Whether it is of the years when designations had another meaning (1898 DQ)."""
    text = designation.provisional
    is_year = designation.kind is Kind.MINOR_PLANET and text[:4].isdigit() and text[5:6].isalpha()
    return is_year and "-" not in text and int(text[:4]) < 1925
