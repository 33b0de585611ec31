#!/usr/bin/env bash
# plot.sh JSON SVG - draw the growth of lookups and inserts, out of what the
# bench wrote.  Without gnuplot or jq it says so and draws nothing.
set -euo pipefail

for tool in jq gnuplot; do
	if ! command -v "$tool" >/dev/null; then
		printf 'no plot: %s is not installed\n' "$tool"
		exit 0
	fi
done
points=$(mktemp)
trap 'rm -f "$points"' EXIT
jq -r 'select(.bench == "growth") |
	[.chunks, .insert_us, .hit_us, .miss_us, .sorted_us] | @tsv' "$1" >"$points"
gnuplot <<GP
set terminal svg size 800,500
set output '$2'
set logscale xy
set xlabel 'chunks in the index'
set ylabel 'microseconds a chunk'
set key left top
plot '$points' using 1:2 with linespoints title 'insert', \
	'' using 1:3 with linespoints title 'look up, there', \
	'' using 1:4 with linespoints title 'look up, not there', \
	'' using 1:5 with linespoints title 'look up, sorted runs'
GP
printf '\nplot: %s\n' "$2"
