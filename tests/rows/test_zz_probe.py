from pathlib import Path
from tests.rows.supplied import Traders, pack
def test_it(tmp_path: Path) -> None:
    with Traders(tmp_path / "node") as served:
        served.open_trade()
        m, s = served.maker, served.shop
        served.do(m, "commission", [pack(1)], lot="L1", expiry="2070-12-31")
        served.do(m, "quarantine", [pack(1)], reason="non_conformant")
        print("plain ship:", served.refused(m, "ship", [pack(1)], to=s.id))
        served.until_done(m, "ship", [pack(1)], to=s.id, returning=True)
        came = served.incoming(s)
        try:
            served.until_done(s, "receive", [pack(1)], shipment=came["shipment"])
            print("standing", served.unit(s, pack(1))["unit"]["standing"])
            print(served.until_done(s, "dispense", [pack(1)])["units"])
        except Exception as e:
            print("REFUSED", e)
