#!/usr/bin/env bash
# Takes the README's picture of the report: its header, and the timeline of Dia. Needs Chromium.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo run --release --quiet --bin greenroom -- run scenarios/first-call.toml --out "$work" --quiet
dia=$(grep -o '<h3 id="v[0-9]*">dia' "$work/report.html" | grep -o 'v[0-9]*')
# The page as it is, but for the parts that the picture leaves out.
hidden="section[aria-labelledby=room], section[aria-labelledby=checks], section[aria-labelledby=events], section.viewer:not([aria-labelledby=$dia]), section.viewer details, footer { display: none }"
sed "s|</head>|<style>$hidden</style></head>|" "$work/report.html" >"$work/shot.html"
shoot() { chromium --headless --no-sandbox --hide-scrollbars --blink-settings=preferredColorScheme=1 "$@" "file://$work/shot.html" 2>"$work/chromium.log"; }
# The page says how tall it is, so that the window can be just that.
echo '<script>addEventListener("load", () => { document.title = "height " + Math.ceil(document.body.getBoundingClientRect().bottom) })</script>' >>"$work/shot.html"
height=$(shoot --window-size=1280,600 --virtual-time-budget=2000 --dump-dom | grep -o '<title>height [0-9]*' | grep -o '[0-9]*$')
shoot --window-size="1280,$height" --screenshot="$PWD/docs/images/report.png" || { cat "$work/chromium.log" >&2; exit 1; }
ls -l docs/images/report.png
