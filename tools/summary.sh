#!/usr/bin/env bash
# Writes what the tests said, as Markdown, from the JUnit files that make REPORTS=DIRECTORY left: how many ran and for
# how long, those that failed with the end of what they printed, those that were skipped and the longest.
set -euo pipefail
directory=${1:?usage: tools/summary.sh DIRECTORY}

shopt -s nullglob
files=("$directory"/*.xml)
if [ ${#files[@]} = 0 ]; then
  echo "No test has run to its end: there is no report."
  exit 0
fi

# gotestsum writes one element a line, and escapes < and > in attributes and text.
awk '
  function attribute(name,   found) {
    if (!match($0, " " name "=\"[^\"]*\"")) return ""
    found = substr($0, RSTART, RLENGTH)
    sub(/^[^"]*"/, "", found); sub(/"$/, "", found)
    return found
  }
  /<testsuites / { tests += attribute("tests"); seconds += attribute("time"); errors += attribute("errors") }
  /<testcase / {
    class = attribute("classname"); sub(/^github.com\/[^\/]*\/[^\/]*\//, "", class)
    name = "`" class "` " attribute("name"); took = attribute("time") + 0
    if (took >= 30 && name !~ /\//) long[++longs] = sprintf("%7.0f s  %s", took, name)
  }
  /<failure/ {
    text = $0; sub(/^[^>]*>/, "", text); sub(/<\/failure>.*/, "", text)
    gsub(/&#xA;/, "\n", text); gsub(/&#x9;/, "  ", text)
    if (length(text) > 3000) text = "..." substr(text, length(text) - 3000)
    failed[++failures] = "<details><summary>" name "</summary><pre>" text "</pre></details>"
  }
  /<skipped/ {
    text = attribute("message"); gsub(/&#xA;/, " ", text)
    sub(/^=== RUN +[^ ]* */, "", text); sub(/--- SKIP.*/, "", text)
    skipped[++skips] = "- " name ": " text
  }
  END {
    printf "### %s\n\n%d tests in %d min, %d failed, %d skipped\n\n", failures + errors ? "Tests failed" : "All tests passed", tests, (seconds + 59) / 60, failures, skips
    for (i = 1; i <= failures; i++) print failed[i] "\n"
    if (skips) print "#### Skipped\n"
    for (i = 1; i <= skips; i++) print skipped[i]
    if (longs) print "\n<details><summary>30 s and more</summary><pre>"
    for (i = 1; i <= longs; i++) print long[i]
    if (longs) print "</pre></details>"
  }
' "${files[@]}"
