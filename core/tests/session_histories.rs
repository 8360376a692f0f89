//! What holds of a session over all histories, whether it gives up or keeps trying, looks up or does not.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    limits,
    session::{Call, CallId, Config, ConnectionId, ConnectionState, Event, Input, Output, Session},
    time::Instant,
    trace::{Step, replay, run_until, session_configs, session_history},
};
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);

fn histories() -> impl Strategy<Value = (Config, Vec<u8>)> {
    (prop::sample::select(session_configs().to_vec()), prop::collection::vec(any::<u8>(), 0..800))
}

/// A history that was played.
struct Played {
    /// Every output with its time.
    outputs: Vec<(Instant, Output)>,
    /// When each call was made, and whether it was a join.
    calls: BTreeMap<CallId, (Instant, bool)>,
}

/// Plays a history, and a minute in which nothing else happens. A session that would try to enter for ever leaves then.
fn played(config: &Config, bytes: &[u8]) -> Played {
    let start = Instant::from_secs(1);
    let mut steps = session_history(config, start, bytes);
    // At the end of time nothing times out any more.
    steps.truncate(steps.iter().position(|step| step.advance == Duration::MAX).unwrap_or(steps.len()));
    if config.retry_join {
        steps.push(Step { advance: MINUTE, input: Input::Call { id: CallId(u32::MAX), call: Call::Leave } });
    }
    let mut now = start;
    let mut calls = BTreeMap::new();
    for step in &steps {
        now = now.saturating_add(step.advance);
        if let Input::Call { id, call } = &step.input {
            calls.insert(*id, (now, matches!(call, Call::Join(_))));
        }
    }
    let mut session = Session::new(start, config.clone());
    let (mut outputs, now) = replay(&mut session, start, &steps);
    run_until(&mut session, now.saturating_add(MINUTE), &mut outputs);
    Played { outputs, calls }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    //
    #[test]
    fn every_call_is_answered_exactly_once((config, bytes) in histories()) {
        let Played { outputs, calls } = played(&config, &bytes);
        let mut answers = BTreeMap::new();
        for (_, output) in outputs {
            if let Output::Event(Event::Answered { id, .. }) = output {
                *answers.entry(id).or_insert(0) += 1;
            }
        }
        prop_assert_eq!(answers, calls.into_keys().map(|id| (id, 1)).collect::<BTreeMap<_, _>>());
    }

    // R-020 R-026
    #[test]
    fn every_answer_comes_in_time((config, bytes) in histories()) {
        let Played { outputs, calls } = played(&config, &bytes);
        let join = config.lookup_timeout.unwrap_or_default() + config.connect_timeout + config.response_timeout;
        for (at, output) in outputs {
            let Output::Event(Event::Answered { id, .. }) = output else { continue };
            let (asked, is_join) = calls[&id];
            let bound = if is_join { join } else { config.response_timeout };
            let took = at.saturating_since(asked);
            prop_assert!(took <= bound || is_join && config.retry_join, "call {} took {:?}", id.0, took);
        }
    }

    // R-022 R-029
    #[test]
    fn attempts_to_come_back_follow_one_another_in_time((config, bytes) in histories()) {
        let attempt = limits::RECONNECT_ATTEMPT + 3 * config.response_timeout + limits::BACKOFF_MAX;
        let mut last = None;
        for (at, output) in played(&config, &bytes).outputs {
            match output {
                Output::Event(Event::Interrupted { .. }) => last = Some(at),
                Output::Event(Event::StateChanged { from: ConnectionState::Reconnecting, .. }) => last = None,
                Output::Connect { .. } => {
                    let took = last.map(|last| at.saturating_since(last));
                    prop_assert!(took.is_none_or(|took| took <= attempt), "the next attempt came after {:?}", took);
                    last = last.and(Some(at));
                }
                Output::Send { .. } | Output::Disconnect { .. } | Output::Event(_) => {}
            }
        }
    }

    // R-029 R-030
    #[test]
    fn that_the_connection_is_lost_is_told_once_for_each_interruption_and_not_early((config, bytes) in histories()) {
        let mut interrupted: Option<Instant> = None;
        for (at, output) in played(&config, &bytes).outputs {
            match output {
                Output::Event(Event::Interrupted { .. }) => interrupted = Some(at),
                Output::Event(Event::StillAway) => {
                    let since = interrupted.take().map(|since| at.saturating_since(since));
                    prop_assert_eq!(since, config.lost_after);
                }
                Output::Event(Event::Restored { .. }) => interrupted = None,
                _ => {}
            }
        }
    }

    //
    #[test]
    fn states_follow_one_another_and_differ((config, bytes) in histories()) {
        let mut state = ConnectionState::Disconnected;
        for (_, output) in played(&config, &bytes).outputs {
            if let Output::Event(Event::StateChanged { from, to }) = output {
                prop_assert_eq!(from, state);
                prop_assert_ne!(from, to);
                state = to;
            }
        }
    }

    #[test]
    fn nothing_is_sent_on_a_connection_that_is_not_open((config, bytes) in histories()) {
        let mut last = ConnectionId(0);
        for (_, output) in played(&config, &bytes).outputs {
            match output {
                Output::Connect { connection } => {
                    prop_assert!(connection > last);
                    last = connection;
                }
                Output::Send { connection, .. } | Output::Disconnect { connection } => prop_assert_eq!(connection, last),
                Output::Event(_) => {}
            }
        }
    }
}

/// The histories that laws and properties run on would prove little if they did not reach most of what a session does.
#[test]
fn histories_reach_what_a_session_does() {
    let mut kinds = std::collections::BTreeSet::new();
    let mut rng = greenroom_core::rng::Rng::new(1);
    for config in session_configs().iter().cycle().take(1600) {
        let bytes: Vec<u8> = (0..800).map(|_| u8::try_from(rng.below(256)).expect("below 256")).collect();
        kinds.extend(played(config, &bytes).outputs.iter().map(|(_, output)| {
            let text = format!("{output:?}");
            let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
            match words[..] {
                ["Event", kind, ..] => kind.to_string(),
                ["Send", ..] => {
                    let at = words.iter().position(|word| *word == "message").expect("a message is sent");
                    words[at + 1].to_string()
                }
                _ => words[0].to_string(),
            }
        }));
    }
    let reached: Vec<_> = kinds.iter().map(String::as_str).collect();
    let all = [
        "Answered",
        "Audience",
        "Connect",
        "Disconnect",
        "Interrupted",
        "Join",
        "KeyRefused",
        "Leave",
        "LimitBandwidth",
        "Media",
        "Mute",
        "NetworkQuality",
        "PeerJoined",
        "PeerLeft",
        "PeerRenamed",
        "Ping",
        "Publish",
        "Removed",
        "Rename",
        "Renew",
        "Republished",
        "Restored",
        "StateChanged",
        "StillAway",
        "StreamAdded",
        "StreamMuted",
        "StreamRemoved",
        "StreamUpdated",
        "StreamsInterrupted",
        "StreamsRecovered",
        "Subscribe",
        "SubscribeVideo",
        "SwitchRole",
        "Trouble",
        "Unpublish",
        "Unsubscribe",
        "Unsubscribed",
        "Update",
        "VideoNeeded",
        "Volumes",
    ];
    assert_eq!(reached, all);
}
