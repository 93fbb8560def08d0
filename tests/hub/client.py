"""Takes `o/ours` down with the official client, and puts the same up as `o/theirs`."""

import pathlib
import sys

from huggingface_hub import HfApi, snapshot_download

root = pathlib.Path(sys.argv[1])
folder = root / "theirs"
snapshot_download("o/ours", local_dir=folder)
api = HfApi()
api.create_repo("o/theirs", private=False, exist_ok=True)
api.create_repo("o/theirs", private=False, exist_ok=True)
api.upload_folder(
    repo_id="o/theirs",
    folder_path=folder,
    commit_message="The same",
    delete_patterns="*",
    ignore_patterns=[".gitattributes"],
)
