//! Every corpus once more, without a fuzzer.

use std::fs;

use greenroom_fuzz::{TARGETS, corpus};

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
