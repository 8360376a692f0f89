//! Keeps docs/TRACEABILITY.md true: which test shows which requirement, from the `// R-nnn` comments above tests and stories.
//!
//! `GREENROOM_UPDATE=1 cargo test -p greenroom-core --test traceability` writes the file anew.

use core::fmt::Write as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Where tests live.
const PARTS: [&str; 6] = ["core/src", "core/tests", "sim/src", "sim/tests", "fuzz/src", "fuzz/tests"];

/// The areas that are built: each of their requirements is shown by a test, or docs/DEVIATIONS.md argues why not. The others come later.
const COVERED: [&str; 19] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "T", "W", "X", "Y", "Z"];

const HEAD: &str = "# Traceability

Which test shows which [requirement](REQUIREMENTS.md). This page is made from the `// R-nnn` comments above tests and stories: `core/tests/traceability.rs` checks that it is true, and writes it anew with
`GREENROOM_UPDATE=1 cargo test -p greenroom-core --test traceability`.

*Shown*: these tests fail where it does not hold. *Deviates*: something else is done, for the reason that the link gives; tests that stand beside it show the part that holds. *Later*: it belongs to an
area that is not built, and tests that stand beside it show what there is already. *Missing*: neither. The areas that are built are A to N, T and W to Z; there, nothing may be missing.
";

/// What is known of one requirement.
struct Row {
    area: String,
    /// Where it is shown: tests and stories, as the page names them.
    shown: Vec<String>,
    deviates: bool,
}

impl Row {
    fn covered(&self) -> bool {
        COVERED.contains(&self.area.split('.').next().expect("a split has a first part"))
    }

    fn missing(&self) -> bool {
        self.covered() && self.shown.is_empty() && !self.deviates
    }

    fn status(&self, id: &str) -> String {
        match (self.deviates, self.shown.is_empty(), self.covered()) {
            (true, ..) => format!("[deviates](DEVIATIONS.md#{})", id.to_lowercase()),
            (false, true, true) => "**missing**".to_string(),
            (false, false, true) => "shown".to_string(),
            (false, _, false) => "later".to_string(),
        }
    }
}

#[test]
fn the_table_of_requirements_and_tests_is_up_to_date() {
    let rows = rows();
    assert_eq!(rows.len(), 265, "docs/REQUIREMENTS.md holds every requirement");
    let mut page = HEAD.to_string();
    let mut areas: Vec<(&str, Vec<(&String, &Row)>)> = Vec::new();
    for (id, row) in &rows {
        match areas.last_mut() {
            Some((area, of_it)) if *area == row.area => of_it.push((id, row)),
            _ => areas.push((&row.area, vec![(id, row)])),
        }
    }
    for (area, rows) in &areas {
        write!(page, "\n## {area}\n\n| requirement | status | where |\n|---|---|---|\n").expect("a string takes it");
        for (id, row) in rows {
            writeln!(page, "| {id} | {} | {} |", row.status(id), row.shown.join(", ")).expect("a string takes it");
        }
    }
    let path = root().join("docs/TRACEABILITY.md");
    if std::env::var_os("GREENROOM_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, &page).expect("docs can be written");
    }
    let stands = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == page,
        "docs/TRACEABILITY.md is out of date: run GREENROOM_UPDATE=1 cargo test -p greenroom-core --test traceability, and commit it"
    );
}

#[test]
fn every_requirement_of_a_built_area_is_shown_or_its_deviation_argued() {
    let rows = rows();
    let missing: Vec<_> = rows.iter().filter(|(_, row)| row.missing()).map(|(id, row)| format!("{id} ({})", row.area)).collect();
    assert!(
        missing.is_empty(),
        "{} requirements have no test: name each above one that shows it, or argue it in docs/DEVIATIONS.md:\n{}",
        missing.len(),
        missing.join("\n")
    );
    for area in COVERED {
        assert!(rows.values().any(|row| row.area.starts_with(&format!("{area}."))), "docs/REQUIREMENTS.md has no area {area}");
    }
}

#[test]
fn every_deviation_is_argued() {
    let rows = rows();
    for (id, text) in deviations(&read(&root().join("docs/DEVIATIONS.md"))) {
        assert!(rows.contains_key(&id), "docs/DEVIATIONS.md argues {id}, which docs/REQUIREMENTS.md lacks");
        assert!(text.split_whitespace().count() >= 20, "docs/DEVIATIONS.md: {id} says too little: what is printed, what is done, and why");
    }
}

#[test]
fn every_row_of_contradictions_that_a_requirement_names_is_there() {
    let text = read(&root().join("docs/REQUIREMENTS.md"));
    let rows: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("| C-")?.split(' ').next()).collect();
    assert_eq!(rows.len(), 48, "docs/REQUIREMENTS.md holds every contradiction");
    for named in text.split("[C-").skip(1) {
        let number: String = named.chars().take_while(char::is_ascii_digit).collect();
        assert!(rows.contains(number.as_str()), "docs/REQUIREMENTS.md names C-{number} and has no row of it");
    }
}

/// Every requirement, and what is known of it.
fn rows() -> BTreeMap<String, Row> {
    let root = root();
    let known = requirements(&read(&root.join("docs/REQUIREMENTS.md")));
    let argued = deviations(&read(&root.join("docs/DEVIATIONS.md")));
    let row = |(id, area): (String, String)| (id.clone(), Row { area, shown: Vec::new(), deviates: argued.contains_key(&id) });
    let mut rows: BTreeMap<_, _> = known.into_iter().map(row).collect();
    for file in PARTS.iter().flat_map(|part| rust_files(&root.join(part))) {
        let name = file.strip_prefix(&root).expect("it was found below the root").display().to_string();
        let source = read(&file);
        let tests = claims(&source).into_iter().map(|(id, test)| (id, format!("`{test}` in {name}")));
        let stories = story_claims(&source).into_iter().map(|(id, story)| (id, format!("[{story}](stories/{story}.jsonl)")));
        for (id, place) in tests.chain(stories) {
            let row = rows.get_mut(&id).unwrap_or_else(|| panic!("{name}: {place} claims to show {id}, which docs/REQUIREMENTS.md lacks"));
            if !row.shown.contains(&place) {
                row.shown.push(place);
            }
        }
    }
    rows
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core lies in the workspace").to_path_buf()
}

/// What docs/DEVIATIONS.md argues: a heading for each requirement, and the text below it.
fn deviations(text: &str) -> BTreeMap<String, String> {
    let sections = text.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    let mut argued = BTreeMap::new();
    for (id, text) in sections {
        assert!(argued.insert(id.trim().to_string(), text.trim().to_string()).is_none(), "docs/DEVIATIONS.md has {id} twice");
    }
    argued
}

/// Every requirement, and the area it stands in.
fn requirements(text: &str) -> BTreeMap<String, String> {
    let mut area = String::new();
    let mut known = BTreeMap::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            area = title.to_string();
        } else if let Some((id, _)) =
            line.strip_prefix("- **").and_then(|rest| rest.split_once("**")).filter(|(id, _)| id.starts_with("R-"))
        {
            assert!(known.insert(id.to_string(), area.clone()).is_none(), "docs/REQUIREMENTS.md has {id} twice");
        }
    }
    known
}

/// The requirements named on the line above a test's attribute or above a macro that makes tests, with the test's name.
fn claims(source: &str) -> Vec<(String, String)> {
    let trimmed: Vec<&str> = source.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (at, line) in trimmed.iter().enumerate() {
        let Some(names) = line.strip_prefix("// R-") else { continue };
        let after = &trimmed[at + 1..];
        let attributes = after.iter().take_while(|line| line.starts_with("#[") || line.starts_with("//")).count();
        let is_test = after[..attributes].contains(&"#[test]");
        let test = after.get(attributes).and_then(|line| if is_test { function(line) } else { macro_tests(&after[attributes..]) });
        let Some(test) = test else { continue };
        found.extend(ids(names).into_iter().map(|id| (id, test.clone())));
    }
    found
}

/// The requirements named in a table of stories: those of a line hold for the stories below it, up to the next such line.
fn story_claims(source: &str) -> Vec<(String, String)> {
    let Some((_, table)) = source.split_once("const STORIES: &[&str] = &[\n") else { return Vec::new() };
    let table = table.split("\n];").next().expect("a split has a first part");
    let (mut open, mut found) = (Vec::new(), Vec::new());
    for line in table.lines().map(str::trim) {
        if let Some(names) = line.strip_prefix("// R-") {
            open = ids(names);
        } else if let Some(story) = line.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
            found.extend(open.iter().map(|id| (id.clone(), story.to_string())));
        }
    }
    found
}

/// The requirements named in what follows a first `R-`.
fn ids(names: &str) -> Vec<String> {
    let words = format!("R-{names}");
    let id = |word: &str| word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    words.split([' ', ',']).filter(|word| word.starts_with("R-")).map(id).collect()
}

fn function(line: &str) -> Option<String> {
    let rest = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn "))?;
    Some(rest.split('(').next()?.to_string())
}

/// The tests that `law!(of_what, a_test, another_test)` makes.
fn macro_tests(lines: &[&str]) -> Option<String> {
    let call = lines.concat();
    let arguments = call.strip_prefix("law!(")?.split(");").next()?;
    let tests: Vec<_> = arguments.split(',').skip(1).map(str::trim).filter(|name| !name.is_empty()).collect();
    Some(tests.join("` and `"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let in_path = |path: PathBuf| match path.is_dir() {
        true => rust_files(&path),
        false if path.extension().is_some_and(|extension| extension == "rs") => vec![path],
        false => Vec::new(),
    };
    paths.into_iter().flat_map(in_path).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn claims_are_found_above_tests_only() {
    let text = "
// Q-001 R-002
#[test]
fn a_story() {
// Q-003
fn no_test() {}
// Q-004
#[should_panic]
#[test]
fn another() {
let x = f(); // Q-005
// Q-006
law!(
    what,
    of_a_room,
    of_a_session
);
"
    .replace("Q-", "R-"); // so that this file claims nothing itself
    let found = claims(&text);
    let expected = [("R-001", "a_story"), ("R-002", "a_story"), ("R-004", "another"), ("R-006", "of_a_room` and `of_a_session")];
    assert_eq!(found, expected.map(|(id, test)| (id.to_string(), test.to_string())));
}

#[test]
fn a_story_shows_what_the_line_above_it_names() {
    let text = "
const STORIES: &[&str] = &[
    // Q-001 Q-002
    \"a/01-first\",
    \"a/02-second\",
    // Q-003
    \"a/03-third\",
];
const OTHERS: &[&str] = &[\"a/04-fourth\"];
"
    .replace("Q-", "R-"); // so that this file claims nothing itself
    let expected =
        [("R-001", "a/01-first"), ("R-002", "a/01-first"), ("R-001", "a/02-second"), ("R-002", "a/02-second"), ("R-003", "a/03-third")];
    assert_eq!(story_claims(&text), expected.map(|(id, story)| (id.to_string(), story.to_string())));
}
