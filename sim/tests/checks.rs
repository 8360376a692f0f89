//! Every check can fail: one thing is planted in the evidence of a real run, and the check that is there for it says when, who and what. The others hold their peace.

use core::time::Duration;

use greenroom_core::{code::Code, id::Rid, role::Role, time::Instant};
use greenroom_sim::{
    check::{self, Evidence},
    engine::Collected,
    media::Fidelity,
    record::{Account, Counted, Direction, Entry, Flow, Sample, What},
    scenario::Scenario,
};

#[path = "common/lab.rs"]
mod lab;

/// Ada publishes, Ben watches, Cem watches nobody and is on stage from 18 s to 21 s, Dan watches, goes at 10 s and comes again at 12 s; Eva watches over a link that loses.
const CALL: &str = r#"
title = "evidence"
duration = "40 s"
[link.fibre]
delay = "10 ms"
[link.wifi]
delay = "10 ms"
loss = "1 %"
[link.tunnel]
delay = "10 ms"
outages = [{ from = "20 s", to = "23 s" }]
[[user]]
id = "ada"
role = "joiner"
link = "fibre"
publish = true
[[user]]
id = "ben"
role = "player"
link = "fibre"
join = "1 s"
[[user]]
id = "cem"
role = "player"
link = "fibre"
join = "2 s"
watch = []
[[user]]
id = "dan"
role = "player"
link = "fibre"
join = "1 s"
[[user]]
id = "eva"
role = "player"
link = "wifi"
join = "1 s"
[[user]]
id = "tom"
role = "player"
link = "tunnel"
join = "1 s"
[[event]]
at = "10 s"
user = "dan"
do = "leave"
[[event]]
at = "12 s"
user = "dan"
do = "join"
[[event]]
at = "18 s"
user = "cem"
do = "switch_role"
role = "joiner"
[[event]]
at = "18 s"
user = "cem"
do = "publish"
[[event]]
at = "21 s"
user = "cem"
do = "switch_role"
role = "player"
"#;

/// A run whose evidence may be tampered with.
struct Case {
    scenario: Scenario,
    collected: Collected,
}

impl Case {
    fn new() -> Self {
        Self::of(CALL)
    }

    fn of(text: &str) -> Self {
        let scenario = lab::parse(text);
        let case = Self { collected: lab::collect(&scenario, Fidelity::Model), scenario };
        case.assert_holds("as it was");
        case
    }

    fn failures(&self) -> Vec<(String, String)> {
        let Collected { entries, samples, network, ledger, struck, .. } = &self.collected;
        let results = check::all(&Evidence { scenario: &self.scenario, entries, samples, network, ledger, struck });
        results.into_iter().filter(|result| !result.ok).map(|result| (result.name, result.detail)).collect()
    }

    #[track_caller]
    fn assert_holds(&self, what: &str) {
        assert_eq!(self.failures(), [], "{what}");
    }

    /// That check fails, with these words, and no other does.
    #[track_caller]
    fn assert_fails(&self, name: &str, detail: &str) {
        assert_eq!(self.failures(), [(name.to_owned(), detail.to_owned())]);
    }

    fn plant(&mut self, ms: u64, user: &str, what: What) {
        self.collected.entries.push(lab::entry(ms, user, what));
        self.collected.entries.sort_by_key(|entry| entry.at);
    }

    fn plant_sample(&mut self, ms: u64, user: &str, stream: &str, what: Counted) {
        let sample = Sample { at: at(ms), user: lab::user_id(user), stream: lab::main_of(stream), what };
        self.collected.samples.insert(sample);
    }

    /// Whatever of a view arrived after one time and before another never did.
    fn silence(&mut self, user: &str, stream: &str, from_ms: u64, to_ms: u64) {
        let (user, stream) = (lab::user_id(user), lab::main_of(stream));
        for sample in self.collected.samples.iter_mut().filter(|sample| sample.user == user && sample.stream == stream) {
            if let Counted::Received { flow, .. } = &mut sample.what
                && at(from_ms) < sample.at
                && sample.at <= at(to_ms)
            {
                *flow = Flow::default();
            }
        }
    }

    /// The last packet that arrived of a view up to a time.
    fn last_arrival(&self, user: &str, stream: &str, until_ms: u64) -> Instant {
        let (user, stream) = (lab::user_id(user), lab::main_of(stream));
        let of_view =
            self.collected.samples.iter().filter(|sample| sample.user == user && sample.stream == stream && sample.at <= at(until_ms));
        let mut last = of_view.filter_map(|sample| match &sample.what {
            Counted::Received { flow, .. } => flow.span.map(|(_, last)| last),
            _ => None,
        });
        last.next_back().expect("the view was watched")
    }

    fn drop_entries(&mut self, drop: impl Fn(&Entry) -> bool) {
        let before = self.collected.entries.len();
        self.collected.entries.retain(|entry| !drop(entry));
        assert!(self.collected.entries.len() < before, "there was such an entry");
    }
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// A time as checks print it.
fn printed(at: Instant) -> String {
    let ms = at.as_nanos() / 1_000_000;
    format!("{}.{:03} s", ms / 1000, ms % 1000)
}

fn flow(packets: u64, first_ms: u64, last_ms: u64) -> Flow {
    Flow { packets, bytes: packets * 1000, span: Some((at(first_ms), at(last_ms))) }
}

// ---- allocation-within-estimate -------------------------------------------------------------------------------------------------------------------------------------

fn decision(to: Option<&str>, estimate_bps: Option<u64>, allocated_bps: u64) -> What {
    let to = to.map(|rid| Rid::new(rid).expect("a rid"));
    What::Layer { stream: lab::main_of("ada"), from: None, to, reason: "planted".to_owned(), estimate_bps, allocated_bps }
}

#[test]
fn a_decision_beyond_the_estimate_is_found() {
    let mut case = Case::new();
    case.plant(5000, "ben", decision(Some("f"), Some(499_999), 500_000));
    case.assert_fails(
        "allocation-within-estimate",
        "at 5.000 s, ben: 500000 bps were allocated with f of ada/main, with an estimate of 499999 bps",
    );
}

#[test]
fn a_decision_that_fits_exactly_or_sends_no_video_is_none() {
    let mut case = Case::new();
    case.plant(5000, "ben", decision(Some("f"), Some(500_000), 500_000));
    case.plant(5001, "ben", decision(None, Some(10_000), 32_000)); // audio is sent whatever the estimate says
    case.plant(5002, "ben", decision(Some("q"), None, 182_000)); // nothing is estimated yet
    case.assert_holds("decisions within their bounds");
}

fn sent(flow: Flow, budget_bps: u64, planned_bps: u64, planned_video_bps: u64) -> Counted {
    Counted::Sent { flow, layer: None, estimate_bps: Some(budget_bps), budget_bps, planned_bps, planned_video_bps }
}

#[test]
fn a_plan_that_outlives_its_estimate_is_found() {
    let mut case = Case::new();
    case.plant_sample(6300, "ben", "ada", sent(Flow::default(), 300_000, 332_000, 300_000));
    case.assert_fails("allocation-within-estimate", "at 6.300 s, ben: the plan needs 332000 bps, the estimate is 300000 bps");

    let mut case = Case::new();
    case.plant_sample(6300, "ben", "ada", sent(Flow::default(), 300_000, 300_000, 268_000));
    case.plant_sample(6400, "ben", "ada", sent(Flow::default(), 20_000, 32_000, 0));
    case.assert_holds("a plan that fits exactly, and audio alone");
}

// ---- subscribers-only -----------------------------------------------------------------------------------------------------------------------------------------------

/// Packets forwarded to somebody, who can afford them.
fn forwarded(packets: u64, first_ms: u64, last_ms: u64) -> Counted {
    sent(flow(packets, first_ms, last_ms), 1_000_000, 0, 0)
}

#[test]
fn a_packet_for_somebody_who_asked_for_nothing_is_found() {
    let mut case = Case::new();
    case.plant_sample(7000, "cem", "ada", forwarded(3, 6950, 6990));
    case.assert_fails("subscribers-only", "at 6.950 s, cem: 3 packets of ada/main were forwarded to it, to which it is not subscribed");
}

#[test]
fn a_packet_before_the_subscription_or_after_its_end_is_found() {
    // Ben asks at 1.040 s: the server cannot know before.
    for (first_ms, last_ms, fine) in [(1039, 1039, false), (1039, 1060, false), (1040, 1060, true)] {
        let mut case = Case::new();
        case.plant_sample(1100, "ben", "ada", forwarded(1, first_ms, last_ms));
        if fine {
            case.assert_holds("asked for");
        } else {
            case.assert_fails(
                "subscribers-only",
                "at 1.039 s, ben: 1 packets of ada/main were forwarded to it, to which it is not subscribed",
            );
        }
    }
    // Dan has left at 10.020 s: what he says then, the server hears within a way's time.
    let mut case = Case::new();
    case.plant_sample(10_100, "dan", "ada", forwarded(1, 10_020, 10_030));
    case.assert_holds("it may not have heard yet");
    case.plant_sample(10_100, "dan", "ada", forwarded(1, 10_020, 10_031));
    case.assert_fails("subscribers-only", "at 10.020 s, dan: 1 packets of ada/main were forwarded to it, to which it is not subscribed");
}

#[test]
fn a_packet_of_a_stream_that_is_gone_is_found() {
    let mut case = Case::new();
    case.plant(30_000, "ben", What::StreamRemoved { stream: lab::main_of("ada") });
    let (name, detail) = case.failures().remove(0);
    assert_eq!(name, "subscribers-only");
    assert!(detail.starts_with("at 30.0") || detail.starts_with("at 29.9"), "{detail}");
}

#[test]
fn whoever_goes_in_a_tunnel_leaves_the_server_its_time_to_notice() {
    let leaving = format!("{CALL}\n[[event]]\nat = \"21 s\"\nuser = \"tom\"\ndo = \"leave\"\n");
    let mut case = Case::of(&leaving);
    // The server may think for the heartbeat's 6 s and the window's 30 s that he is still there; but not for ever.
    case.plant_sample(35_000, "tom", "ada", forwarded(1, 34_950, 34_960));
    case.assert_holds("the server has not noticed");
    case.scenario.sfu.reconnect_window = Duration::from_secs(5);
    case.assert_fails("subscribers-only", "at 34.950 s, tom: 1 packets of ada/main were forwarded to it, to which it is not subscribed");
}

// ---- players-never-publish ------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn media_from_a_player_is_found() {
    let mut case = Case::new();
    case.plant_sample(8000, "ben", "ben", Counted::Ingress(flow(7, 7950, 7990)));
    case.assert_fails("players-never-publish", "at 7.950 s, ben: the server took 7 packets of ben/main from it, who may not publish");
}

#[test]
fn media_counts_from_the_role_on_and_up_to_it() {
    // Cem is a joiner from 18.020 s to 21.020 s, as he knows himself.
    for (first_ms, last_ms, fine) in [(18_019, 18_050, false), (18_020, 18_050, true), (21_019, 21_080, true), (21_020, 21_080, false)] {
        let mut case = Case::new();
        case.plant_sample(21_100, "cem", "cem", Counted::Ingress(flow(1, first_ms, last_ms)));
        if fine {
            case.assert_holds("he was a joiner when it began");
        } else {
            let detail = format!("at {}, cem: the server took 1 packets of cem/main from it, who may not publish", printed(at(first_ms)));
            case.assert_fails("players-never-publish", &detail);
        }
    }
}

#[test]
fn media_from_somebody_who_never_entered_is_found() {
    let mut case = Case::new();
    case.drop_entries(|entry| entry.user == Some(lab::user_id("cem")) && matches!(entry.what, What::RoleChanged { role: Role::Joiner }));
    let failures = case.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].0 == "players-never-publish" && failures[0].1.starts_with("at 18."), "{failures:?}");
}

// ---- contiguous-sequence --------------------------------------------------------------------------------------------------------------------------------------------

/// Overwrites what a viewer counts as missing from a time on, up to another.
fn lose(case: &mut Case, user: &str, from_ms: u64, to_ms: u64, lost: u64) {
    let mut changed = false;
    for sample in case.collected.samples.iter_mut().filter(|sample| sample.user == lab::user_id(user)) {
        if let Counted::Received { lost_packets, .. } = &mut sample.what
            && at(from_ms) <= sample.at
            && sample.at <= at(to_ms)
        {
            *lost_packets = lost;
            changed = true;
        }
    }
    assert!(changed, "there was something to lose");
}

#[test]
fn a_gap_that_no_link_made_is_found() {
    let mut case = Case::new();
    lose(&mut case, "ben", 5000, 40_000, 2);
    case.assert_fails("contiguous-sequence", "at 39.900 s, ben: 2 packets of ada/main are missing, and its links dropped only 0");
}

#[test]
fn a_gap_of_an_earlier_subscription_is_not_forgotten() {
    // Dan's first stay ends at 10.020 s, and his second begins to count from nothing.
    let mut case = Case::new();
    lose(&mut case, "dan", 5000, 10_100, 1);
    case.assert_fails("contiguous-sequence", "at 39.900 s, dan: 1 packets of ada/main are missing, and its links dropped only 0");
}

#[test]
fn a_gap_that_was_repaired_or_that_the_link_made_is_none() {
    let mut case = Case::new();
    lose(&mut case, "ben", 5000, 6000, 2);
    case.assert_holds("a repair came");

    let place = 1 + u16::try_from(case.scenario.users.iter().position(|user| user.id.as_str() == "eva").unwrap()).unwrap();
    let dropped = case.collected.network.downlink(place).unwrap().drops().total();
    assert!(dropped > 10, "{dropped}");
    lose(&mut case, "eva", 39_000, 40_000, dropped);
    case.assert_holds("as many as the link dropped");
    lose(&mut case, "eva", 39_000, 40_000, dropped + 1);
    let detail = format!("at 39.900 s, eva: {} packets of ada/main are missing, and its links dropped only {dropped}", dropped + 1);
    case.assert_fails("contiguous-sequence", &detail);
}

/// The server does not know for a while whose packets come from the port that Ada's router gave her anew.
#[test]
fn what_came_from_an_unknown_port_is_missing_by_right_and_no_more_than_that() {
    let rebound =
        CALL.replacen("[link.fibre]\n", "[link.fibre]\nnat = {}\n", 1) + "\n[[event]]\nat = \"26 s\"\nhost = \"ada\"\ndo = \"rebind\"\n";
    let mut case = Case::of(&rebound);
    case.assert_holds("as it was");
    lose(&mut case, "ben", 38_000, 40_000, 5000);
    case.assert_fails("contiguous-sequence", "at 39.900 s, ben: 5000 packets of ada/main are missing, and its links dropped only 0");
}

#[test]
fn what_the_publishers_own_link_lost_is_missing_by_right() {
    let lossy = CALL.replacen("link = \"fibre\"\npublish = true", "link = \"wifi\"\npublish = true", 1);
    let mut case = Case::of(&lossy);
    let dropped = case.collected.network.uplink(1).unwrap().drops().total();
    lose(&mut case, "ben", 39_000, 40_000, dropped);
    case.assert_holds("as many as the link dropped");
    lose(&mut case, "ben", 39_000, 40_000, dropped + 1);
    assert_eq!(case.failures().len(), 1);
}

// ---- joins-answered -------------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn a_join_without_an_answer_is_found() {
    let mut case = Case::new();
    case.plant(13_000, "cem", What::JoinCalled);
    case.assert_fails("joins-answered", "at 13.000 s, cem: its join was not answered within 15 s");
}

#[test]
fn a_late_answer_is_none_and_each_answer_counts_once() {
    let refused = || lab::failed("join", Code::CONNECT_TIMEOUT);
    // 15 s: ten to connect and five to be answered.
    for (answer_ms, fine) in [(20_000, true), (20_001, false)] {
        let mut case = Case::new();
        case.plant(5000, "cem", What::JoinCalled);
        case.plant(answer_ms, "cem", refused());
        if fine {
            case.assert_holds("refused in time");
        } else {
            case.assert_fails("joins-answered", "at 5.000 s, cem: its join was not answered within 15 s");
        }
    }
    let mut case = Case::new();
    case.plant(5000, "cem", What::JoinCalled);
    case.plant(6000, "cem", What::JoinCalled);
    case.plant(7000, "cem", refused());
    case.assert_fails("joins-answered", "at 5.000 s, cem: its join was not answered within 15 s");
}

#[test]
fn somebody_elses_answer_and_another_calls_answer_are_none() {
    for (user, what) in [("ben", lab::failed("join", Code::CONNECT_TIMEOUT)), ("cem", lab::failed("mute", Code::NO_SUCH_STREAM))] {
        let mut case = Case::new();
        case.plant(5000, "cem", What::JoinCalled);
        case.plant(6000, user, what);
        case.assert_fails("joins-answered", "at 5.000 s, cem: its join was not answered within 15 s");
    }
}

#[test]
fn a_join_may_wait_over_the_end_of_the_run_and_may_be_given_up() {
    let mut case = Case::new();
    case.plant(25_000, "cem", What::JoinCalled);
    case.assert_holds("it ends 15 s later");
    case.plant(24_999, "dan", What::JoinCalled);
    case.assert_fails("joins-answered", "at 24.999 s, dan: its join was not answered within 15 s");
    case.plant(30_000, "dan", What::Left);
    assert!(!case.failures().iter().any(|(name, _)| name == "joins-answered"), "he went before the answer");
}

// ---- liveness -------------------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn a_stream_that_stops_without_a_reason_is_found() {
    for (from_ms, to_ms) in [(25_000, 27_200), (12_000, 14_200), (37_000, 40_000)] {
        let mut case = Case::new();
        case.silence("ben", "ada", from_ms, to_ms);
        let last = printed(case.last_arrival("ben", "ada", from_ms));
        let detail = format!("at {last}, ben: nothing of ada/main came for more than 2 s, though nothing had changed for 10 s");
        case.assert_fails("liveness", &detail);
    }
}

#[test]
fn a_stream_that_never_comes_is_found() {
    let mut case = Case::new();
    case.silence("ben", "ada", 0, 40_000);
    case.assert_fails("liveness", "at 11.060 s, ben: nothing of ada/main came for more than 2 s, though nothing had changed for 10 s");
}

#[test]
fn a_stream_that_does_not_come_back_after_a_tunnel_is_found() {
    let mut case = Case::new();
    case.silence("tom", "ada", 20_000, 33_000);
    case.assert_holds("it has ten seconds to find back");
    case.silence("tom", "ada", 20_000, 36_000);
    case.assert_fails("liveness", "at 33.000 s, tom: nothing of ada/main came for more than 2 s, though nothing had changed for 10 s");
    // What he missed before the tunnel is no better for the tunnel.
    let mut case = Case::new();
    case.silence("tom", "ada", 14_000, 17_000);
    assert_eq!(case.failures().len(), 1);
}

#[test]
fn a_pause_that_is_short_early_or_meant_is_none() {
    let mut case = Case::new();
    case.silence("ben", "ada", 25_000, 26_900);
    case.silence("ben", "ada", 3000, 9000);
    case.assert_holds("a short pause, and one within ten seconds of the subscription");

    let mut case = Case::new();
    let muted = |audio, video| What::StreamMuted { stream: lab::main_of("ada"), audio, video };
    case.plant(20_000, "ben", muted(true, true));
    case.silence("ben", "ada", 20_000, 40_000);
    case.assert_holds("all of it is muted");
    case.plant(25_000, "ben", muted(true, false));
    case.assert_fails("liveness", "at 35.000 s, ben: nothing of ada/main came for more than 2 s, though nothing had changed for 10 s");
}

#[test]
fn a_muted_voice_without_a_picture_planned_is_silent_by_right() {
    let mut case = Case::new();
    case.plant(22_000, "ben", What::StreamMuted { stream: lab::main_of("ada"), audio: true, video: false });
    case.plant(22_000, "ben", decision(None, Some(100_000), 32_000));
    case.silence("ben", "ada", 22_000, 40_000);
    case.assert_holds("no picture fits, and the decision says so");
    case.plant(22_500, "ben", decision(Some("q"), Some(300_000), 182_000));
    case.assert_fails("liveness", "at 32.500 s, ben: nothing of ada/main came for more than 2 s, though nothing had changed for 10 s");
}

#[test]
fn whoever_is_gone_neither_watches_nor_is_watched() {
    let mut case = Case::new();
    case.plant(25_000, "ada", What::Left);
    for viewer in ["ben", "dan", "eva", "tom"] {
        case.silence(viewer, "ada", 25_000, 40_000);
    }
    case.assert_holds("she left");
    let mut case = Case::new();
    case.plant(25_000, "ben", What::Removed { code: Code::RECONNECT_TIMEOUT });
    case.silence("ben", "ada", 25_000, 40_000);
    assert!(!case.failures().iter().any(|(name, _)| name == "liveness"));
}

/// What was looked at is told as well: a check that looked at nothing would pass for nothing.
#[test]
fn checks_say_how_much_they_looked_at() {
    let looked_at = |case: Case| -> Vec<(String, u64)> {
        let Collected { entries, samples, network, ledger, struck, .. } = &case.collected;
        let results = check::all(&Evidence { scenario: &case.scenario, entries, samples, network, ledger, struck });
        let number = |detail: &str| detail.split(' ').next().and_then(|number| number.parse().ok()).expect("it begins with a number");
        results.into_iter().map(|result| (result.name, number(&result.detail))).collect()
    };
    // Where nothing befalls anybody, two have nothing to look at; and one, where nobody hears the loudest.
    let heard =
        CALL.replacen("publish = true", "publish = true\nvoice = {}", 1).replacen("id = \"ben\"", "id = \"ben\"\nhear = \"loudest\"", 1);
    let (calm, broken, heard) = (looked_at(Case::new()), looked_at(Case::of(BROKEN)), looked_at(Case::of(&heard)));
    for (((name, calm), (_, broken)), (_, heard)) in calm.into_iter().zip(broken).zip(heard) {
        assert!(calm.max(broken).max(heard) > 0, "{name}");
    }
}

#[test]
fn names_of_streams_do_not_get_mixed_up() {
    // A packet of Cem's stream to Ben, who subscribed to Ada's alone.
    let only_ada = CALL.replacen("id = \"ben\"", "id = \"ben\"\nwatch = [\"ada\"]", 1);
    let mut case = Case::of(&only_ada);
    case.plant_sample(19_000, "ben", "cem", forwarded(1, 18_990, 18_990));
    case.assert_fails("subscribers-only", "at 18.990 s, ben: 1 packets of cem/main were forwarded to it, to which it is not subscribed");
}

// ---- one-stay-per-user ----------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn a_user_who_comes_twice_is_found() {
    let mut case = Case::new();
    case.plant(15_000, "ben", What::PeerJoined { peer: lab::user_id("ada") });
    case.assert_fails("one-stay-per-user", "at 15.000 s, ben: sees ada come, who is there already");
}

#[test]
fn a_user_who_sees_itself_is_found() {
    let mut case = Case::new();
    case.plant(15_000, "ben", What::PeerJoined { peer: lab::user_id("ben") });
    case.assert_fails("one-stay-per-user", "at 15.000 s, ben: sees itself among the others");
}

#[test]
fn somebody_who_goes_without_having_come_is_found() {
    let mut case = Case::new();
    case.plant(15_000, "eva", What::PeerLeft { peer: lab::user_id("nobody"), reason: 0 });
    case.assert_fails("one-stay-per-user", "at 15.000 s, eva: sees nobody go, who was not there");
}

#[test]
fn a_stream_that_is_offered_twice_is_found() {
    let mut case = Case::new();
    case.plant(15_000, "tom", What::StreamAdded { stream: lab::main_of("ada") });
    case.assert_fails("one-stay-per-user", "at 15.000 s, tom: is offered ada/main, which is there already");
}

// ---- recovery and faults-struck -------------------------------------------------------------------------------------------------------------------------------------

/// A call that the server's crash breaks off at 5 s.
const BROKEN: &str = r#"
title = "broken"
duration = "45 s"
[link.fibre]
delay = "10 ms"
[client]
after_window = "keep_trying"
[[user]]
id = "ada"
role = "joiner"
link = "fibre"
publish = true
[[user]]
id = "ben"
role = "player"
link = "fibre"
join = "1 s"
[[event]]
at = "5 s"
host = "sfu"
do = "crash"
for = "1 s"
"#;

#[test]
fn somebody_who_does_not_come_back_is_found() {
    let mut case = Case::of(BROKEN);
    let ben = lab::user_id("ben");
    case.drop_entries(|entry| entry.user.as_ref() == Some(&ben) && matches!(entry.what, What::Restored { .. }));
    case.assert_fails("recovery", "at 45.000 s, ben: is still being reconnected");
}

#[test]
fn somebody_who_is_gone_after_the_fault_is_found() {
    let mut case = Case::of(BROKEN);
    case.plant(44_990, "ben", What::Left);
    case.assert_fails("recovery", "at 45.000 s, ben: is not in the room, 30 s after the last fault");
}

#[test]
fn somebody_in_another_role_is_found() {
    let mut case = Case::of(BROKEN);
    case.plant(44_000, "ben", What::RoleChanged { role: Role::Joiner });
    case.assert_fails("recovery", "at 45.000 s, ben: is a joiner, and should be a player");
}

#[test]
fn a_viewer_that_receives_nothing_after_the_fault_is_found() {
    let mut case = Case::of(BROKEN);
    let last = case.last_arrival("ben", "ada", 42_500);
    case.silence("ben", "ada", 42_500, 45_000);
    let failures = case.failures();
    let names: Vec<&str> = failures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["liveness", "recovery"], "both have a reason to complain");
    assert_eq!(failures[1].1, format!("at {}, ben: receives nothing of ada, 30 s after the last fault", printed(last)));
}

#[test]
fn a_fault_that_hits_nothing_is_found() {
    let mut case = Case::of(BROKEN);
    assert!(case.collected.struck[0] > 0);
    case.collected.struck[0] = 0;
    case.assert_fails("faults-struck", "at 5.000 s, sfu: the crash that the scenario asks for hit nothing");
}

/// Nobody sends anything through a link in the time of its partition: the file asks for more than it gets.
#[test]
fn a_partition_of_somebody_who_is_silent_fails_its_run() {
    let quiet = "title = \"quiet\"\nduration = \"8 s\"\n[link.fibre]\ndelay = \"10 ms\"\n[[user]]\nid = \"ada\"\nrole = \"player\"\nlink = \"fibre\"\n\
                 [[event]]\nat = \"5100 ms\"\nhost = \"ada\"\ndo = \"partition\"\ndirection = \"up\"\nfor = \"1 ms\"\n";
    let record = lab::run_model(&lab::parse(quiet));
    assert_eq!(lab::failures(&record), ["faults-struck: at 5.100 s, ada: the partition that the scenario asks for hit nothing"]);
}

// ---- the books ------------------------------------------------------------------------------------------------------------------------------------------------------

impl Case {
    /// The books of Ben's link from the server.
    fn account_of_ben(&mut self) -> &mut Account {
        self.collected.ledger.account(2, Direction::Down).expect("Ben is the second user")
    }
}

#[test]
fn a_datagram_that_is_lost_without_a_cause_is_found() {
    let mut case = Case::new();
    let account = case.account_of_ben();
    account.delivered -= 1;
    let (sent, delivered, in_flight) = (account.sent, account.delivered, account.in_flight);
    let detail = format!(
        "at 40.000 s, ben: {sent} datagrams went down, and {} are accounted for: {delivered} delivered, 0 dropped, {in_flight} in flight",
        sent - 1
    );
    case.assert_fails("conservation", &detail);
}

#[test]
fn a_datagram_that_is_handed_over_twice_is_found() {
    let mut case = Case::new();
    case.account_of_ben().delivered += 1;
    let failures = case.failures();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].0, "conservation");
}

#[test]
fn a_datagram_that_is_too_fast_is_found() {
    let mut case = Case::new();
    let account = case.account_of_ben();
    (account.shortest_ns, account.shortest_at) = (9_999_999, at(7000));
    case.assert_fails("causality", "at 7.000 s, ben: a datagram went down in 9999999 ns, and the way takes 10000000 ns");
}

#[test]
fn a_datagram_that_overtakes_is_found() {
    let mut case = Case::new();
    let account = case.account_of_ben();
    (account.overtakings, account.overtaken_at) = (1, Some(at(7000)));
    case.assert_fails("order", "at 7.000 s, ben: 1 datagrams that went down overtook others, on a link that keeps their order");
}

// ---- key-frame-requests ---------------------------------------------------------------------------------------------------------------------------------------------

fn asked_of_ada(layer: &str) -> What {
    let layer = Rid::new(layer).expect("a valid rid");
    What::KeyFrameRequested { stream: lab::main_of("ada"), layer, reason: "planted".to_owned() }
}

#[test]
fn a_publisher_that_is_asked_twice_within_the_interval_is_found() {
    let mut case = Case::new();
    case.plant(30_000, "ada", asked_of_ada("h"));
    case.plant(30_100, "ada", asked_of_ada("f"));
    case.plant(30_300, "ada", asked_of_ada("h"));
    case.assert_holds("300 ms are allowed, and layers are apart");
    case.plant(30_599, "ada", asked_of_ada("h"));
    case.assert_fails("key-frame-requests", "at 30.599 s, ada: asked for a key frame of h twice within 299 ms");
}

#[test]
fn a_request_that_comes_from_nowhere_is_found() {
    let mut case = Case::new();
    let reached = What::KeyFrameAsked { stream: lab::main_of("ada"), layer: Rid::new("h").expect("a valid rid") };
    case.plant(30_000, "ada", asked_of_ada("h"));
    case.plant(30_010, "ada", reached.clone());
    case.assert_holds("it was asked");
    for n in 0..8 {
        case.plant(30_011 + n, "ada", reached.clone()); // more than may have been lost on the way
    }
    let failures = case.failures();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].0, "key-frame-requests");
    assert!(failures[0].1.ends_with("ada: was asked for a key frame of h by nobody"), "{failures:?}");
}

// ---- loudest-only ---------------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn a_voice_that_is_not_among_the_loudest_is_found() {
    let loudest = |speakers: &[&str]| What::Loudest { speakers: speakers.iter().map(|id| lab::user_id(id)).collect() };
    let heard = |ms| Counted::Heard(Flow { packets: 5, bytes: 400, span: Some((at(ms), at(ms + 80))) });
    let good = || {
        let mut case = Case::new();
        case.plant(5_000, "ada", loudest(&["ben", "ada", "eva", "tom"]));
        case.plant(8_000, "ada", loudest(&["ben"]));
        case.plant_sample(6_100, "dan", "ada", heard(6_000));
        case.plant_sample(6_100, "ada", "tom", heard(6_000));
        case.plant_sample(9_000, "dan", "ada", heard(8_900));
        case
    };
    good().assert_holds("Ada is one of three, Tom is the third for whoever is one of them, and what was sent may be late");
    let mut fourth = good();
    fourth.plant_sample(6_100, "dan", "tom", heard(6_000));
    fourth.assert_fails("loudest-only", "at 6.000 s, dan: heard tom, who was not among the loudest");
    let mut too_late = good();
    too_late.plant_sample(9_100, "dan", "ada", heard(9_010));
    too_late.assert_fails("loudest-only", "at 9.010 s, dan: heard ada, who was not among the loudest");
}

// ---- fairness -------------------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn a_viewer_that_goes_short_among_equals_is_found() {
    let text = CALL.replace(
        "[[user]]\nid = \"cem\"",
        "[[user]]\nid = \"bea\"\nrole = \"player\"\nlink = \"fibre\"\njoin = \"1 s\"\n[[user]]\nid = \"cem\"",
    );
    let mut case = Case::of(&text);
    let bea = lab::user_id("bea");
    for sample in case.collected.samples.iter_mut().filter(|sample| sample.user == bea) {
        if let Counted::Received { flow, .. } = &mut sample.what {
            flow.bytes /= 10;
        }
    }
    let failures = case.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    let (name, detail) = &failures[0];
    assert_eq!(name, "fairness");
    assert!(detail.contains("bea: received") && detail.contains("of ada/main where"), "{detail}");
}
