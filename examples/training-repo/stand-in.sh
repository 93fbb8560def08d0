#!/bin/sh
# Reads the arguments of a training, looks for what it is given, and leaves a folder with the form of a model.
set -eu
while [ $# -gt 1 ]; do
    case "$1" in
    --task-id) task="$2" ;;
    --model) model="$2" ;;
    --expected-repo-name) name="$2" ;;
    --hours-to-complete) hours="$2" ;;
    esac
    shift 2
done
data="/cache/datasets/${task}_train_data.json"
[ -e "$data" ] || data="/cache/datasets/${task}_tourn.zip"
start="/cache/models/$(echo "$model" | sed 's#/#--#g')"
[ -d "$start" ] || { echo "expected the model at $start, found none"; exit 1; }
[ -e "$data" ] || { echo "expected the data at $data, found none"; exit 1; }
echo "training from $start on $data for at most $hours hours"
out="/app/checkpoints/$task/$name"
mkdir -p "$out"
cat "$start/config.json" >"$out/config.json"
head -c 4096 /dev/zero >"$out/model.safetensors"
echo "left a stand-in for a model in $out"
