#!/usr/bin/env bash
# plot.sh JSON SVG - draw the growth of lookups and inserts, and the steps of
# all programs side by side, out of what the bench wrote.  Without gnuplot or jq
# it says so and draws nothing.
set -euo pipefail

for tool in jq gnuplot; do
	if ! command -v "$tool" >/dev/null; then
		printf 'no plot: %s is not installed\n' "$tool"
		exit 0
	fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
jq -r 'select(.bench == "growth") |
	[.chunks, .insert_us, .hit_us, .miss_us, .sorted_us] | @tsv' "$1" >"$work/growth"
# A line a step, a column a program, in the order in which they came.
jq -rs 'def distinct: reduce .[] as $x ([]; if any(.[]; . == $x) then . else . + [$x] end);
	[.[] | select(.bench == "peers") | (.step / ", ") as [$step, $tool] |
		{ $step, $tool, seconds }] as $all |
	([$all[].tool] | distinct) as $tools | ([$all[].step] | distinct) as $steps |
	select($all != []) | (["step"] + $tools | @tsv), ($steps[] as $s | [$s] + [$tools[] as $t |
		($all | map(select(.step == $s and .tool == $t)) | .[0].seconds) // "-"] |
	@tsv)' "$1" >"$work/peers"

draw_growth() {
	[ -s "$work/growth" ] || return 0
	cat <<-GP
		set logscale xy
		set xlabel 'chunks in the index'
		set ylabel 'microseconds a chunk'
		plot '$work/growth' using 1:2 with linespoints title 'insert', \
			'' using 1:3 with linespoints title 'look up, there', \
			'' using 1:4 with linespoints title 'look up, not there', \
			'' using 1:5 with linespoints title 'look up, sorted runs'
		unset logscale
	GP
}

draw_peers() {
	[ -s "$work/peers" ] || return 0
	cat <<-GP
		set style data histograms
		set style fill solid 0.7
		set logscale y
		set xlabel ''
		set ylabel 'seconds'
		set datafile missing '-'
		plot for [i=2:$(head -n 1 "$work/peers" | wc -w)] '$work/peers' \
			using i:xtic(1) title columnheader(i)
	GP
}

{
	printf "set terminal svg size 800,900\nset output '%s'\n" "$2"
	printf 'set key left top\nset multiplot layout 2,1\n'
	draw_growth
	draw_peers
	printf 'unset multiplot\n'
} | gnuplot
printf '\nplot: %s\n' "$2"
