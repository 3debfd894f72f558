import time
from tests.fake_upstream.faults import FAULTS
from tests.flow.client import World, IMPATIENT
async def test_t(world: World) -> None:
    models = {f: world.model(f, provider=world.provider(**IMPATIENT) if f in ("timeout","stall_mid") else None) for f in FAULTS}
    c = world.caller()
    for f, m in models.items():
        for st in (False, True):
            t = time.monotonic()
            r = await c.ask(m, stream=st)
            d = time.monotonic() - t
            if d > 0.5: print(f, st, r.status, round(d, 2))
