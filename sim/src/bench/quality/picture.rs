//! The picture of docs/QUALITY.md: for each scorer, which levels it said where which one was true.

use core::fmt::Write as _;

use super::{GRACE, Outcome, SCORERS, tally::LEVELS};

/// Sizes, in pixels.
const CELL: usize = 34;
const LEFT: usize = 88;
const TOP: usize = 58;
const APART: usize = 36;

/// One square of 6 by 6 for each scorer; the darker a field, the more often that level was said where that one was true.
pub fn svg(outcomes: &[Outcome]) -> String {
    let (width, height) = (LEFT + SCORERS.len() * (LEVELS.len() * CELL + APART), TOP + LEVELS.len() * CELL + 40);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<title>Which level each scorer said where which one was true</title>\n"
    );
    text.push_str("<style>text{fill:#1c1f24}.q{fill:#5b6270}.f{fill:#0b5cad}.g{fill:none;stroke:#a0a7b4}.t{stroke:#a84b00;stroke-width:2;fill:none}.w{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e4e6ea}.q{fill:#a0a7b4}.f{fill:#6cb2f7}.w{fill:#14171b}.t{stroke:#f2a35c}}</style>\n");
    for (row, level) in LEVELS.iter().enumerate() {
        let y = TOP + row * CELL + CELL / 2 + 4;
        let _ = writeln!(text, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{level}</text>", LEFT - 8);
    }
    let _ = writeln!(text, "<text class=\"q\" x=\"{}\" y=\"{}\" text-anchor=\"end\">true</text>", LEFT - 8, TOP - 8);
    for (scorer, name) in SCORERS.iter().enumerate() {
        let left = LEFT + scorer * (LEVELS.len() * CELL + APART);
        let _ = writeln!(
            text,
            "<text x=\"{left}\" y=\"20\" font-weight=\"600\">{name}</text><text class=\"q\" x=\"{left}\" y=\"36\">said</text>"
        );
        for (row, truth) in LEVELS.into_iter().enumerate() {
            let _ = writeln!(
                text,
                "<text class=\"q\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                left + row * CELL + CELL / 2,
                TOP - 8,
                truth.number()
            );
            let mut counts = [0_usize; LEVELS.len()];
            let directions = outcomes.iter().flat_map(|outcome| &outcome.phases).flat_map(|judged| judged.truth.iter().zip(&judged.said));
            for (_, said) in directions.filter(|(of, _)| **of == truth) {
                for level in said[scorer].iter().skip(GRACE) {
                    // Unknown stands in no column: nothing of the grid is.
                    if let Some(column) = LEVELS.iter().position(|known| known == level) {
                        counts[column] += 1;
                    }
                }
            }
            let all: usize = counts.iter().sum();
            for (column, count) in counts.into_iter().enumerate() {
                let (x, y) = (left + column * CELL, TOP + row * CELL);
                let share = (count * 100).checked_div(all).unwrap_or(0);
                let _ = writeln!(
                    text,
                    "<rect class=\"f\" x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" fill-opacity=\"{}.{:02}\"/>",
                    share / 100,
                    share % 100
                );
                if share > 0 {
                    let class = if share >= 55 { "w" } else { "n" };
                    let _ = writeln!(
                        text,
                        "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{share}</text>",
                        x + CELL / 2,
                        y + CELL / 2 + 4
                    );
                }
                let class = if row == column { "t" } else { "g" };
                let _ = writeln!(text, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\"/>");
            }
        }
    }
    let _ = writeln!(
        text,
        "<text class=\"q\" x=\"{LEFT}\" y=\"{}\">Per cent of the windows in which the level of that row was true. Framed: said what was true.</text>\n</svg>",
        height - 12
    );
    text
}
