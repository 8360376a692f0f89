//! Every corpus once more, without a fuzzer.

use core::time::Duration;
use std::fs;

use greenroom_core::{
    auth::{Authority, Claim, Credential, Purpose, Secret, channel_key, signature},
    id::AppId,
};
use greenroom_fuzz::{APP, DATE, SECRET, TARGETS, against_the_model, corpus, host::Planted, run};

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

/// Seeds that are refused at the first byte reach nothing: these are granted, so that what a fuzzer makes of them comes near.
#[test]
fn the_corpus_of_keys_holds_good_ones() {
    let (app, secret) = (AppId::new(APP).expect("a valid id"), Secret::new(SECRET));
    let key = channel_key::generate(&channel_key::Request {
        version: channel_key::Version::V004,
        service: channel_key::Service::Media,
        app_id: &app,
        certificate: &secret,
        channel: "stage",
        issued: DATE,
        random: 7,
        uid: Some(7),
        expires: Some(DATE.saturating_add(Duration::from_secs(60))),
    });
    let ctime = DATE.saturating_add(Duration::from_secs(3600)).to_string();
    let signature = signature::sign(&secret, APP, "stage", "7", &ctime);
    for (name, seed) in
        [("channel-key-good", key.expect("its fields are as they should be")), ("signature-good", format!("{signature} {ctime}"))]
    {
        let file = corpus("keys").into_iter().find(|file| file.ends_with(name));
        let found = file.map(|file| fs::read_to_string(file).expect("a readable file"));
        assert_eq!(found.as_deref(), Some(seed.as_str()), "fuzz/corpus/keys/{name} is to hold a good key");
        let credential = match seed.split_once(' ') {
            Some((signature, ctime)) => Credential::Signature { signature: signature.into(), ctime: ctime.into() },
            None => Credential::ChannelKey { key: seed.as_str().into() },
        };
        let authority = match &credential {
            Credential::Signature { .. } => Authority::Signature { key: secret.clone() },
            Credential::ChannelKey { .. } => Authority::ChannelKey { certificate: secret.clone() },
        };
        assert!(authority.check(Claim { app: &app, room: "stage", user: "7" }, Some(&credential), Purpose::Join, DATE).is_ok(), "{name}");
    }
}
