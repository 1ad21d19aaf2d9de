#!/usr/bin/env bash
# Embeds one file with curl: clients/predict.sh FILE [http://HOST:8501]
# A .json file is sent as the inputs themselves, anything else as the file's bytes.
set -euo pipefail
file=${1:?usage: predict.sh FILE [http://HOST:8501]}
url=${2:-http://localhost:8501}
body() {
  printf '{"signature_name": "@signature@", "inputs": '
  case $file in
    *.json) cat -- "$file" ;;
    *) printf '{"@input@": [{"b64": "%s"}]}' "$(base64 < "$file" | tr -d '\n')" ;;
  esac
  printf '}'
}
# Through standard input: a file does not fit on a command line. Into a file: what failed
# attempts said would else stand before the answer.
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
if ! body | curl --silent --show-error --fail-with-body --output "$answer" \
  --connect-timeout 5 --max-time 30 \
  --retry 5 --retry-connrefused --retry-max-time 60 \
  --header 'Content-Type: application/json' --data-binary @- \
  "$url/v1/models/@name@/labels/stable:predict"; then
  cat "$answer" >&2
  exit 1
fi
cat "$answer"
