"""Companies for tests of company files: files applied as the command line does."""

from tongdai import ids
from tongdai.admin.company import applying, yaml_file
from tongdai.admin.company.applying import Applied, Means
from tongdai.encryption import MasterKey
from tongdai.store import company, db, domains

FULL = """
tongdai: 1
domain:
  name: {name}
  time_zone: Asia/Bangkok
  recording_days: 30
trunks:
  - name: viettel
    auth: registration
    host: sip.example.vn
    username: "0901"
    password: a-carriers-word
    addresses: [203.0.113.7, 203.0.113.0/28]
  - {{name: spare, auth: ip, host: 203.0.113.99}}
hotlines:
  - number: 19001919
    trunk: viettel
    further_trunks: [spare]
    destination: 600
    is_default: true
    hours: giờ hành chính
    closed_destination: "0912345678"
    closed_cause: busy
  - {{number: 02873001234, trunk: spare, destination: 101, enabled: false}}
hours_plans:
  - name: giờ hành chính
    weekly: [mon-fri 08:00-12:00, mon-fri 13:30-17:30]
    holidays: [2027-02-05/2027-02-11, "09-02"]
extensions:
  - extension: 101
    name: Nguyễn Thị Ánh
    hotline: 02873001234
    recording: false
    devices:
      - {{max_contacts: 2}}
      - {{name: mobile, srtp_required: true}}
      - {{name: webrtc, max_contacts: 3}}
  - extension: 102
    name: no
    password: a-phones-word
    forward_busy: 600
    forward_no_answer: "0912345678"
    do_not_disturb: true
ring_groups:
  - {{number: 600, name: Kinh doanh, members: [102, 101], strategy: sequential, overflow: 700}}
queues:
  - {{number: 700, agents: [101], overflow: 600, wrap_up_s: 5}}
menus:
  - {{number: 800, keys: ["*=801"], direct_dialling: true}}
  - {{number: 801, retries: 0, overflow: 800}}
users:
  - {{username: an, level: agent, scopes: [call:create, cdr:read], token_life_s: 3600}}
  - {{username: binh, password: correct horse, enabled: false}}
subscriptions:
  - {{event: cdr, callback_url: https://crm.example.vn/cdr, numbers_as_text: true}}
  - {{event: cdr, callback_url: https://crm.example.vn/cdr, callback_apikey: Basic YTpi}}
  - event: hangup
    callback_url: https://crm.example.vn/hangup
    callback_headers: {{X-Tenant: an}}
    enabled: false
"""
"""One of everything, with references in circles; `{name}` is the domain."""


def means(master_key: MasterKey) -> Means:
    return Means(master_key=master_key, guard=lambda _url: None)


async def apply(database: db.Database, master_key: MasterKey, text: str) -> Applied:
    async with database.transaction() as tx:
        return await applying.apply(tx, yaml_file.read(text), means(master_key))


async def plan(database: db.Database, master_key: MasterKey, text: str) -> Applied:
    async with database.transaction() as tx:
        return await applying.plan(tx, yaml_file.read(text), means(master_key))


def new_name() -> str:
    return f"d{ids.new().hex}.example.vn"


def minimal(name: str, rest: str = "") -> str:
    return f"tongdai: 1\ndomain: {{name: {name}}}\n{rest}"


async def exported(database: db.Database, name: str) -> str:
    async with database.transaction() as tx:
        known = await domains.by_name(tx, name)
        return yaml_file.write(await applying.export(tx, known.domain_uuid))


async def tables(database: db.Database, name: str) -> company.State:
    """The domain's rows, with names in the place of ids and of the domain."""
    async with database.transaction() as tx:
        known = await domains.by_name(tx, name)
        rows = await company.rows(tx, known.domain_uuid)
    uuids = {row["trunk_uuid"]: row["name"] for row in rows["trunks"]}
    for row in rows["hotlines"]:
        row["trunk_uuid"] = uuids[row["trunk_uuid"]]
        row["further_trunks"] = [uuids[one] for one in row["further_trunks"]]
    for row in (*rows["trunks"], *rows["subscriptions"]):
        row.pop("trunk_uuid", None)
        row.pop("subscription_uuid", None)
    rows["domains"][0]["name"] = ""
    return {table: sorted(found, key=repr) for table, found in rows.items()}
