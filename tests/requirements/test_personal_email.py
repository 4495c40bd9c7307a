"""R9: which addresses the shipped pack takes for personal ones.

The domains here were written down from public rankings of mail providers, not from the list of
the pack.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Reference, Request
from tests.paths import ROOT

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)

MOST_USED = """
gmail.com yahoo.com hotmail.com outlook.com icloud.com aol.com qq.com 163.com 126.com mail.ru
yandex.ru naver.com gmx.de web.de live.com msn.com comcast.net hotmail.co.uk hotmail.fr yahoo.fr
wanadoo.fr orange.fr yahoo.co.uk yahoo.com.br yahoo.co.in rediffmail.com free.fr ymail.com libero.it
uol.com.br bol.com.br cox.net hotmail.it sbcglobal.net sfr.fr live.fr verizon.net live.co.uk
googlemail.com yahoo.es ig.com.br live.nl bigpond.com terra.com.br yahoo.it yahoo.de att.net
laposte.net proton.me protonmail.com me.com mac.com t-online.de freenet.de sina.com hanmail.net
rambler.ru seznam.cz wp.pl zoho.com fastmail.com tutanota.com mail.com gmx.net yahoo.co.jp
docomo.ne.jp btinternet.com shaw.ca bluewin.ch telenet.be
"""

COUNTRY_DOMAINS = """
yahoo.ca yahoo.com.ar yahoo.com.au yahoo.com.mx yahoo.com.sg yahoo.co.id yahoo.com.ph yahoo.com.tr
yahoo.gr yahoo.ie yahoo.no yahoo.se yahoo.dk yahoo.pl yahoo.ro hotmail.es hotmail.de hotmail.be
hotmail.com.ar hotmail.com.br hotmail.com.tr hotmail.co.jp hotmail.nl hotmail.ch hotmail.gr
outlook.de outlook.fr outlook.es outlook.it outlook.jp outlook.com.br outlook.com.au outlook.dk
outlook.pt outlook.ie live.de live.it live.be live.ca live.se live.dk live.no live.com.au
live.com.mx live.com.pt live.co.za live.cn gmx.at gmx.ch gmx.com gmx.fr gmx.es gmx.co.uk gmx.us
"""

OF_STAFF = """
google.com alphabet.com yahooinc.com yahoo-inc.com microsoft.com apple.com tencent.com telekom.de
1und1.de ionos.com united-internet.de zohocorp.com protonmail.company navercorp.com kakaocorp.com
corp.example rogers.com telia.com telstra.com vodafone.com bt.com comcast.com att.com verizon.com
cox.com yandex-team.ru orange.com swisscom.com telefonica.com tiscali.com frontier.com ibm.com
amazon.com facebook.com meta.com mit.edu ox.ac.uk gov.uk bund.de europa.eu aliyun.com rediff.co.in
notgmail.com gmail.com.partner.example outlook-group.example live-nation.example mygmx.example
"""


@pytest.fixture(scope="module")
def pack() -> tuple[Policy, Snapshot]:
    policy = load_pack(ROOT / "policies", ROOT / "fixtures")
    return policy, read_directory(policy.schema, ROOT / "fixtures" / "worlds" / "demo")


def _reasons(pack: tuple[Policy, Snapshot], domain: str) -> list[str]:
    request = Request(
        subject=Reference("user", "ana"),
        action="create",
        resource=Reference("invitation", "new"),
        resource_properties={"account": "acme", "email": f"zoe@{domain}", "role": "support"},
    )
    return [reason.code for reason in authorize(request, *pack, NOW).reasons]


@pytest.mark.parametrize("domain", [*MOST_USED.split(), *COUNTRY_DOMAINS.split()])
def test_nobody_is_invited_at_a_personal_provider(
    pack: tuple[Policy, Snapshot], domain: str
) -> None:
    assert _reasons(pack, domain) == ["personal_email"]
    assert _reasons(pack, f"Mail.{domain.upper()}") == ["personal_email"]


@pytest.mark.parametrize("domain", OF_STAFF.split())
def test_domain_that_an_organisation_uses_for_its_staff_is_not_personal(
    pack: tuple[Policy, Snapshot], domain: str
) -> None:
    assert _reasons(pack, domain) == []
