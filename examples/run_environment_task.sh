#!/bin/sh
# Rehearses the training repository beside this script, or the one that CODE names, on an environment task. More arguments are
# those of `god-flow rehearse`, such as --gpus 1xH100 --model organisation/name --hours 0.5.
set -eu
here="$(dirname "$0")"
exec "${GOD_FLOW:-god-flow}" rehearse "${CODE:-$here/training-repo}" --task environment "$@"
