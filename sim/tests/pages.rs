//! What the pages claim is what the code does: the code map, the imports, the tables of outputs, the README's example run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use greenroom_sim::{
    engine::{Engine, Progress},
    entropy,
    media::Fidelity,
    record::{MetricRow, Record, StatisticsRow},
    run::{self, Settings},
    scenario::Scenario,
};
use serde_json::Value;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between two texts.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, after) = text.split_once(from).unwrap_or_else(|| panic!("the page has no {from:?}"));
    after.split_once(to).unwrap_or_else(|| panic!("the page has no {to:?} after {from:?}")).0
}

/// What stands in backticks in the first column of the tables in `text`.
fn first_column(text: &str) -> Vec<String> {
    let cells = text.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    cells.flat_map(|cell| cell.split(',').map(|name| name.trim().trim_matches('`').to_owned()).collect::<Vec<_>>()).collect()
}

/// Every Rust file below `folder`, relative to it.
fn sources(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.expect("a folder can be read to its end").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.insert(path.strip_prefix(folder).expect("it lies below").to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found
}

fn first_call(engine: Engine, media: Fidelity) -> Record {
    run_of("first-call", engine, media)
}

fn run_of(name: &str, engine: Engine, media: Fidelity) -> Record {
    let path = repository().join("scenarios").join(name).with_extension("toml");
    let scenario = Scenario::load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
    run::run(&scenario, Settings { engine, media, seed: 1, ..Settings::default() }, &Progress::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_code_map_names_every_source_file_and_no_other() {
    let architecture = page("docs/ARCHITECTURE.md");
    for crate_name in ["core", "sim"] {
        let map = between(&architecture, &format!("### {crate_name}/src\n\n```text\n"), "```");
        let named: Vec<&str> = map.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let named_once: BTreeSet<String> = named.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(named.len(), named_once.len(), "{crate_name}: a file is named twice");
        assert_eq!(
            named_once,
            sources(&repository().join(crate_name).join("src")),
            "{crate_name}: docs/ARCHITECTURE.md and the folder differ"
        );
    }
}

/// The paths after `crate::` in a use declaration, its braces spelled out.
fn spell_out(tree: &str) -> Vec<String> {
    let Some((head, rest)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let inner = rest.trim_end().trim_end_matches('}');
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(spell_out).map(|part| format!("{}{part}", head.trim_start())).collect()
}

/// Every path of the own crate that a source file uses, its tests and comments left out.
fn used_paths(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or(source);
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let after = &code[at + "crate::".len()..];
        let is_use = code[..at].trim_end().ends_with("use");
        let end = if is_use { after.find(';') } else { after.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') };
        paths.extend(spell_out(&after[..end.unwrap_or(after.len())]));
    }
    paths
}

#[test]
fn imports_point_down() {
    let architecture = page("docs/ARCHITECTURE.md");
    for crate_name in ["core", "sim"] {
        let order = between(&architecture, &format!("```text imports {crate_name}\n"), "```");
        let mut level: BTreeMap<&str, usize> = BTreeMap::new();
        for (depth, modules) in order.split('→').enumerate() {
            level.extend(modules.split_whitespace().map(|module| (module, depth)));
        }
        // The longest name in the order that a path begins with.
        let place = |path: &str| {
            let beginnings: Vec<usize> = path.match_indices("::").map(|(at, _)| at).chain([path.len()]).collect();
            beginnings.iter().rev().find_map(|&end| level.get_key_value(&path[..end])).map(|(module, depth)| (*module, *depth))
        };
        let folder = repository().join(crate_name).join("src");
        let mut compared = 0;
        for file in sources(&folder) {
            let module = file.trim_end_matches(".rs").replace('/', "::");
            if module == "lib" || module.starts_with("bin::") {
                continue;
            }
            let (own, own_depth) = place(&module).unwrap_or_else(|| panic!("{crate_name}/src/{file} has no place in the order of imports"));
            let text = fs::read_to_string(folder.join(&file)).expect("it was just listed");
            for path in used_paths(&text) {
                let (used, depth) = place(&path)
                    .unwrap_or_else(|| panic!("{crate_name}/src/{file} uses crate::{path}, which has no place in the order of imports"));
                let related = own.split("::").next() == used.split("::").next() && own_depth <= depth;
                assert!(own == used || own_depth < depth || related, "{crate_name}/src/{file} uses crate::{path}: {own} lies below {used}");
                compared += 1;
            }
        }
        assert!(compared > 50, "{crate_name}: only {compared} uses were found");
    }
}

#[test]
fn the_table_of_checks_is_that_of_the_program() {
    let record = first_call(Engine::Direct, Fidelity::Model);
    let checks: Vec<String> = record.summary.checks.iter().map(|check| check.name.clone()).collect();
    let simulation = page("docs/SIMULATION.md");
    assert_eq!(first_column(between(&simulation, "## Checks", "## Speed")), checks);
}

#[test]
fn fields_and_columns_are_those_of_the_program() {
    let simulation = page("docs/SIMULATION.md");
    let record = first_call(Engine::Direct, Fidelity::Model);
    let summary = serde_json::to_value(&record.summary).expect("a summary is text and numbers");
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<String>>();
    let mut fields = names(&summary);
    fields.extend(names(&summary["viewers"][0]));
    let told: BTreeSet<String> = first_column(between(&simulation, "### summary.json", "### events.jsonl")).into_iter().collect();
    assert_eq!(told, fields);
    assert_eq!(first_column(between(&simulation, "### metrics.csv", "### report.html")), MetricRow::HEADER);
    assert_eq!(first_column(between(&simulation, "### statistics.csv", "## Checks")), StatisticsRow::HEADER);
}

/// Names of the kinds of events, from the declaration that serde makes them of.
fn declared_events() -> BTreeSet<String> {
    let declaration = between(include_str!("../src/record/entry.rs"), "pub enum What {\n", "\n}\n");
    let variants = declaration.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.starts_with(char::is_uppercase));
    let kebab = |name: &str| {
        let mut words = String::new();
        for c in name.chars().take_while(char::is_ascii_alphabetic) {
            if c.is_uppercase() && !words.is_empty() {
                words.push('-');
            }
            words.push(c.to_ascii_lowercase());
        }
        words
    };
    variants.map(kebab).collect()
}

#[test]
fn every_kind_of_event_is_told_with_a_line_as_runs_write_it() {
    let simulation = page("docs/SIMULATION.md");
    let section = between(&simulation, "### events.jsonl", "### metrics.csv");
    let told: BTreeSet<String> = first_column(section).into_iter().collect();
    assert_eq!(told, declared_events());

    let keys = |line: &Value| line.as_object().expect("an object").keys().cloned().collect::<BTreeSet<String>>();
    let mut examples = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if let Some(line) = cells[3].strip_prefix('`') {
            let line: Value = serde_json::from_str(line.trim_end_matches('`')).unwrap_or_else(|error| panic!("{error} in {row}"));
            assert_eq!(line["event"], cells[1].trim_matches('`'));
            examples.insert(cells[1].trim_matches('`').to_owned(), keys(&line));
        }
    }
    let mut seen = BTreeSet::new();
    for name in ["first-call", "train-tunnel", "small-stage", "panel"] {
        for entry in run_of(name, Engine::Direct, Fidelity::Model).entries {
            let line = serde_json::to_value(&entry).expect("an entry is text and numbers");
            let event = line["event"].as_str().expect("every line says what it is").to_owned();
            assert_eq!(examples.get(&event), Some(&keys(&line)), "{line}");
            seen.insert(event);
        }
    }
    assert!(seen.len() >= 20, "the scenarios show only {seen:?}");
}

/// Numbers of the machine and of the trace, which are no part of the story that the README tells, as `…`.
fn without_trace(table: &str) -> String {
    table.lines().map(|line| if line.starts_with("trace ") { "trace …" } else { line }).collect::<Vec<_>>().join("\n")
}

/// `GREENROOM_UPDATE=1 cargo test -p greenroom-sim --test pages` writes the table anew.
#[test]
fn the_readme_shows_what_the_program_prints() {
    if !entropy::IN_FORCE {
        return; // runs do not repeat here, and the page says so
    }
    let scenario = repository().join("scenarios/first-call.toml");
    let run = Command::new(env!("CARGO_BIN_EXE_greenroom")).arg("run").arg(scenario).current_dir(env!("CARGO_TARGET_TMPDIR")).output();
    let run = run.expect("the program was built with this test");
    let printed = String::from_utf8(run.stdout).expect("tables are UTF-8");
    assert!(run.status.success(), "{printed}{}", String::from_utf8_lossy(&run.stderr));

    let readme = page("README.md");
    let shown = between(&readme, "```text\n", "```");
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        fs::write(repository().join("README.md"), readme.replacen(shown, &printed, 1)).expect("the README can be written");
        return;
    }
    assert_eq!(
        without_trace(shown),
        without_trace(&printed),
        "the README is out of date: GREENROOM_UPDATE=1 cargo test -p greenroom-sim --test pages"
    );
}

/// A heading as GitHub makes an anchor of it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn links_between_pages_lead_somewhere() {
    let pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from).into_iter();
    let docs = fs::read_dir(repository().join("docs"))
        .expect("the folder of pages")
        .map(|entry| Path::new("docs").join(entry.expect("an entry").file_name()));
    let mut followed = 0;
    for from in pages.chain(docs).filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = page(&from.to_string_lossy());
        for (at, _) in text.match_indices("](") {
            let target = &text[at + 2..];
            let target = &target[..target.find(')').unwrap_or(0)];
            if target.starts_with("http") {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { from.clone() } else { from.parent().unwrap_or(Path::new("")).join(file) };
            let full = repository().join(&path);
            assert!(full.exists(), "{}: {target} leads nowhere", from.display());
            if !fragment.is_empty() {
                let headings: Vec<String> = fs::read_to_string(full)
                    .expect("a page")
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .map(|line| anchor(line.trim_start_matches('#')))
                    .collect();
                assert!(headings.iter().any(|heading| heading == fragment), "{}: {target} has no such heading", from.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 20, "only {followed} links were found");
}
