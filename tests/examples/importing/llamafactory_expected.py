"""Write what LLaMA-Factory's own converters make of the files in `llamafactory/`: `llamafactory_expected.py`.

Run it with a Python that has LLaMA-Factory, of which only the code of its loader is used: `pip install --no-deps
llamafactory` is enough. Its package imports PyTorch and others, of which a converter needs nothing, so that stand-ins
take their places. `expected.json` says the version.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import sys
from collections import defaultdict
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

FOLDER = Path(__file__).parent / "llamafactory"
NEEDED_ELSEWHERE = (
    "datasets", "fsspec", "huggingface_hub", "huggingface_hub.utils", "peft", "peft.utils", "torch",
    "torch.distributed", "transformers", "transformers.dynamic_module_utils", "transformers.utils",
    "transformers.utils.versions", "transformers.utils.import_utils", "packaging", "packaging.version",
)  # fmt: skip


def loader() -> tuple[ModuleType, ModuleType]:
    """Its converters, and what reads its list of datasets."""
    found = importlib.util.find_spec("llamafactory")
    assert found
    assert found.submodule_search_locations
    root = Path(found.submodule_search_locations[0])
    sys.modules |= {name: MagicMock() for name in NEEDED_ELSEWHERE if name not in sys.modules}
    for name in ("llamafactory", "llamafactory.data", "llamafactory.extras"):
        package = ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    return importlib.import_module("llamafactory.data.converter"), importlib.import_module("llamafactory.data.parser")


def main() -> None:
    converters, parser = loader()
    listed = json.loads((FOLDER / "dataset_info.json").read_text(encoding="utf-8"))
    made = {}
    for name, attributes in zip(listed, parser.get_dataset_list(list(listed), str(FOLDER)), strict=True):
        convert = converters.get_dataset_converter(attributes.formatting, attributes, SimpleNamespace(media_dir="."))
        rows = json.loads((FOLDER / attributes.dataset_name).read_text(encoding="utf-8"))
        # A table has every column in every row; what a row does not have is None there.
        columns = dict.fromkeys(key for row in rows for key in row)
        made[name] = [
            {
                key: value
                for key, value in convert(defaultdict(lambda: None, columns | row)).items()
                if value is not None
            }
            for row in rows
        ]
    version = importlib.metadata.version("llamafactory")
    text = json.dumps({"version": version, "converted": made}, ensure_ascii=False, indent=1)
    (FOLDER / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
