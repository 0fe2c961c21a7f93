import yaml

from alignray.ranking.pair_audit import PairTables
from alignray.ranking.pair_card import render_card
from alignray.ranking.pairs import select_pairs
from tests.ranking.rows import build_config, build_row


def test_the_card_has_front_matter_and_no_markup_from_the_data():
    config = build_config()
    tables = PairTables()
    row = build_row([5.0, 1.0], subset="a|<script>b")
    tables.add(row, select_pairs(row, config), 1)
    card = render_card(config, tables.to_metrics(), has_best=True)
    front = yaml.safe_load(card.split("---")[1])
    assert "trl" in front["tags"]
    files = {entry["config_name"]: entry["data_files"][0]["path"] for entry in front["configs"]}
    assert files == {"preference": "data/train.parquet", "sft": "data/sft.parquet"}
    assert "<script>" not in card
    assert "| `margin` | `0.5` |" in card
    assert "output_dir" not in card
    without = render_card(config, tables.to_metrics(), has_best=False)
    assert "sft.parquet" not in without
