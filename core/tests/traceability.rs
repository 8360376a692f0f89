//! Keeps docs/TRACEABILITY.md true: which test shows which requirement, from the `// R-nnn` comments above tests.
//!
//! `GREENROOM_UPDATE=1 cargo test -p greenroom-core --test traceability` writes the file anew.

use core::fmt::Write as _;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Where tests live.
const PARTS: [&str; 3] = ["core", "sim", "fuzz"];

const HEAD: &str = "# Traceability

Which test shows which [requirement](REQUIREMENTS.md). This file is made from the `// R-nnn` comments above tests: `core/tests/traceability.rs` checks that it is true, and writes it anew with
`GREENROOM_UPDATE=1 cargo test -p greenroom-core --test traceability`.
";

#[test]
fn the_table_of_requirements_and_tests_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core lies in the workspace");
    let known = requirements(&read(&root.join("docs/REQUIREMENTS.md")));
    assert!(known.len() > 200, "docs/REQUIREMENTS.md holds only {} requirements", known.len());

    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in PARTS.iter().flat_map(|part| rust_files(&root.join(part))) {
        let name = file.strip_prefix(root).expect("it was found below the root").display().to_string();
        for (requirement, test) in claims(&read(&file)) {
            assert!(known.contains_key(&requirement), "{name}: {test} claims to show {requirement}, which docs/REQUIREMENTS.md lacks");
            shown.entry(requirement).or_default().push(format!("`{test}` in {name}"));
        }
    }

    let mut table = HEAD.to_string();
    let mut area = None;
    for (requirement, tests) in &shown {
        if area != Some(&known[requirement]) {
            area = Some(&known[requirement]);
            write!(table, "\n## {}\n\n", known[requirement]).expect("a string takes it");
        }
        writeln!(table, "- **{requirement}** {}", tests.join(", ")).expect("a string takes it");
    }
    let path = root.join("docs/TRACEABILITY.md");
    if std::env::var_os("GREENROOM_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, &table).expect("docs can be written");
    }
    let stands = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == table,
        "docs/TRACEABILITY.md is out of date: run GREENROOM_UPDATE=1 cargo test -p greenroom-core --test traceability, and commit it"
    );
}

/// Every requirement, and the area it stands in.
fn requirements(text: &str) -> BTreeMap<String, String> {
    let mut area = String::new();
    let mut known = BTreeMap::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            area = title.to_string();
        } else if let Some((id, _)) = line.strip_prefix("- **").and_then(|rest| rest.split_once("**")) {
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
        for name in format!("R-{names}").split([' ', ',']).filter(|name| name.starts_with("R-")) {
            let id: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            found.push((id, test.clone()));
        }
    }
    found
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
