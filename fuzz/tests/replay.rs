//! Every corpus once more, without a fuzzer.

use std::fs;

use greenroom_fuzz::{TARGETS, against_the_model, corpus, host::Planted, run};

#[test]
fn no_corpus_file_breaks_a_promise() {
    for (target, harness) in TARGETS {
        let files = corpus(target);
        assert!(!files.is_empty(), "fuzz/corpus/{target} is empty: there is nothing to replay");
        for file in files {
            println!("{}", file.display()); // shown when it fails
            harness(&fs::read(&file).expect("a readable file"));
        }
    }
}

#[test]
fn every_corpus_belongs_to_a_target() {
    let folders = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).expect("the corpora stand beside this crate");
    for folder in folders {
        let name = folder.expect("a readable folder").file_name();
        assert!(TARGETS.iter().any(|(target, _)| name == *target), "fuzz/corpus/{} is replayed by nothing", name.display());
    }
}

/// A corpus that finds nothing is of no use: one history of it at least tells a service from one in which a late leave removes the successor.
#[test]
fn a_planted_fault_is_found_by_the_corpus() {
    let finds = |file: &std::path::PathBuf| {
        let bytes = fs::read(file).expect("a readable file");
        let Some((which, history)) = bytes.split_first() else { return false };
        which % 2 == 1 && std::panic::catch_unwind(|| against_the_model(Planted::new(run::service()), history)).is_err()
    };
    let finding: Vec<_> = corpus("service_history").into_iter().filter(finds).collect();
    println!("{} files of the corpus find it", finding.len());
    assert!(!finding.is_empty(), "no file of fuzz/corpus/service_history finds a fault that was planted");
}
