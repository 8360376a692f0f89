//! What clients' statistics say in a run, held against what the laboratory knows.

#[path = "common/lab.rs"]
mod lab;

use std::collections::BTreeMap;

use greenroom_sim::{
    engine::Engine,
    media::Fidelity,
    record::{Record, StatisticsRow},
};

fn run(media: Fidelity) -> Record {
    lab::run(&lab::shipped("first-call"), Engine::Direct, media, 1)
}

/// The rows of each part, in order of time.
fn parts(record: &Record) -> BTreeMap<(&str, &str, &str, &str, &str), Vec<&StatisticsRow>> {
    let mut parts: BTreeMap<_, Vec<&StatisticsRow>> = BTreeMap::new();
    for row in &record.statistics {
        parts.entry((&*row.user, &*row.stream, row.direction, row.media, &*row.layer)).or_default().push(row);
    }
    parts
}

// R-155 R-157 R-158 R-162
#[test]
fn every_part_is_counted_both_ways_once_a_second_and_no_count_falls() {
    for media in Fidelity::ALL {
        let record = run(media);
        let parts = parts(&record);
        for (direction, kind) in [("sent", "audio"), ("sent", "video"), ("received", "audio"), ("received", "video")] {
            assert!(parts.keys().any(|part| (part.2, part.3) == (direction, kind)), "{media}: no {kind} is {direction}");
        }
        assert!(parts.keys().any(|part| part.2 == "sent" && !part.4.is_empty()), "{media}: layers have their names");
        for (part, rows) in &parts {
            for pair in rows.windows(2) {
                assert!(pair[1].t_ns - pair[0].t_ns >= 1_000_000_000, "{media}: {part:?} at {}", pair[1].t_ns);
                let counts = |row: &StatisticsRow| [row.bytes, row.packets, row.lost_packets.unwrap_or(0)];
                // What arrives is counted here; what is sent, by the other end, which modelled media does not tell part by part.
                let is_known = pair[1].lost_packets.is_some();
                assert!(is_known || part.2 == "sent", "{media}: {part:?}");
                assert!(!is_known || part.2 == "received" || media != Fidelity::Model, "{media}: {part:?}");
                assert!(is_known || pair[0].lost_packets.is_none(), "{media}: {part:?} was known and is not");
                let is_timed = part.2 == "received" && part.3 == "audio";
                assert_eq!(pair[1].jitter_us.is_some(), is_timed, "{media}: {part:?}");
                assert!(
                    counts(pair[0]).iter().zip(counts(pair[1])).all(|(before, now)| *before <= now),
                    "{media}: {part:?} fell: {pair:?}"
                );
                let kbps = pair[1].kbps.expect("it is the second reading");
                let span_ns = u128::from(pair[1].t_ns - pair[0].t_ns);
                assert_eq!(u128::from(kbps), (u128::from(pair[1].bytes - pair[0].bytes) * 8_000_000 + span_ns / 2) / span_ns);
            }
        }
    }
}

//
#[test]
fn the_round_trip_is_known_once_a_check_was_answered_and_is_that_of_the_links() {
    for media in Fidelity::ALL {
        let record = run(media);
        let known: Vec<u64> = record.statistics.iter().filter_map(|row| row.rtt_us).collect();
        assert!(known.len() * 10 > record.statistics.len() * 8, "{media}: {} of {} rows know it", known.len(), record.statistics.len());
        // The scenario's links take 20 to 40 ms there and back, and their queues some more.
        let undisturbed = known.iter().filter(|rtt| (20_000..400_000).contains(*rtt)).count();
        assert!(undisturbed * 10 > known.len() * 9, "{media}: {known:?}");
    }
}

//
#[test]
fn what_is_lost_of_what_is_sent_is_what_the_links_lost() {
    // given a publisher whose way up loses a twentieth
    let lossy = lab::parse(
        "title = \"A way up\"\nduration = \"30 s\"\n[link.lossy]\ndelay = \"10 ms\"\nup.loss = \"5 %\"\n[[user]]\nid = \"ada\"\nrole = \"joiner\"\nlink = \"lossy\"\npublish = true\n",
    );
    let record = lab::run(&lossy, Engine::Direct, Fidelity::WebRtcNull, 1);
    for (part, rows) in parts(&record) {
        let last = rows.last().expect("a part has rows");
        // Sound is not sent again: half a minute's standard deviation is a tenth of that. Pictures are, and what comes again is lost no more.
        let per_cent = last.lost_packets.expect("there were reports") * 100 / last.packets;
        assert!(if part.3 == "audio" { (3..=7).contains(&per_cent) } else { per_cent <= 1 }, "{part:?}: {per_cent} % of {}", last.packets);
    }
    assert_eq!(parts(&record).len(), 4, "sound and three layers");
}

//
#[test]
fn what_clients_count_as_received_is_what_the_metrics_say() {
    for media in Fidelity::ALL {
        let record = run(media);
        let mut received: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let mut last: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (part, rows) in parts(&record).into_iter().filter(|(part, _)| part.2 == "received") {
            let row = rows.last().expect("a part has rows");
            *received.entry((part.0, part.1)).or_default() += row.bytes;
            last.insert((part.0, part.1), row.t_ns);
        }
        for ((user, stream), bytes) in received {
            let until = last[&(user, stream)];
            let rows = record.metrics.iter().filter(|row| (&*row.user, &*row.stream) == (user, stream) && row.t_ns <= until);
            let metrics: u64 = rows.map(|row| row.received_bps / 80).sum();
            assert!(bytes.abs_diff(metrics) * 100 <= metrics, "{media}: {user} of {stream}: {bytes} and {metrics}");
        }
    }
}
