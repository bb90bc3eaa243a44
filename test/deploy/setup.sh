#!/bin/bash
# Builds into .cache/deploy what the tests of deploy/ need Go for: helm, and `strict`, which checks Kubernetes objects. Where Go
# is not there, or is too old, those tests are skipped. Does nothing when everything is there already.
set -euo pipefail

tools=$(cd "$(dirname "$0")" && pwd)/tools
cache=$(cd "$tools/../../.." && pwd)/.cache/deploy

skip() {
  echo "test/deploy/setup.sh: the Helm chart will not be tested, for that needs Go: $*" >&2
  exit 0
}

command -v go >/dev/null || skip 'there is none'
problem=$(cd "$tools" && go list -m 2>&1 >/dev/null) || skip "$problem"

made_by=$(cat "$0" "$tools"/go.* "$tools"/strict/* <(go version) | sha256sum)
if [ "$(cat "$cache/made-by" 2>/dev/null)" = "$made_by" ]; then exit 0; fi

echo 'Building helm for the tests of the chart; this takes a minute or two' >&2
rm -rf "$cache"
mkdir -p "$cache"
(cd "$tools" && go build -ldflags="-s -w" -o "$cache/" helm.sh/helm/v3/cmd/helm ./strict)
echo "$made_by" >"$cache/made-by"
