//! How fast packets go through the laboratory's network, beside other simulators that carry the same packets in the same run.
//!
//! Two pictures. A *star*: each host sends a hundred packets a second to a hub, which forwards each to nine others, as a room's server does; over greenroom's links, over turmoil and over bach, both
//! with as little as they can do (constant delay, no rate, no queue, no loss). And a *dumbbell*: flows of constant rate that share one line; over greenroom's links and over ns-3, where Python has it
//! (`pip install ns3`; `GREENROOM_NS3_PYTHON` names the Python that has it, else it is `python3`).
//!
//! A table to read and not a test to pass: ratios are of wall time in this run. One thing is judged, because it is promised: ten million link events a second, a packet that enters a link or comes
//! out of one being an event. `cargo bench -p greenroom-benches --bench engines` measures; without `--bench` among the arguments everything is run once and short, and without ns-3, to see that it runs.

use core::{
    cell::Cell,
    cmp::Reverse,
    hint::black_box,
    net::Ipv4Addr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use std::{
    collections::{BinaryHeap, VecDeque},
    env,
    process::{Command, ExitCode},
    rc::Rc,
    sync::Arc,
    time::{self, UNIX_EPOCH},
};

use bach::ext::{GroupExt, PrimaryExt, SpawnExt};
use greenroom_core::time::Instant;
use greenroom_sim::{
    engine::{Engine, Progress},
    media::Fidelity,
    net::link::{Capacity, Link, LinkConfig, Queue, QueueLimit, Verdict},
    run::{self, Settings},
    scenario::Scenario,
};

/// Hosts that the hub forwards each packet to, as in a room of ten.
const FAN_OUT: usize = 9;
/// From one packet of a host to its next.
const GAP: Duration = Duration::from_millis(10);
const DELAY: Duration = Duration::from_millis(20);
/// What counts on the wire: a packet of video. What is carried: as much as modelled media does. (Bytes that are copied would be the same everywhere.)
const SIZE_BYTES: u32 = 1200;
const CARRIED_BYTES: usize = 44;
/// Link events a second that one core has to make.
const GOAL_EVENTS: u128 = 10_000_000;
const PORT: u16 = 5000;

/// Packets that arrived, and what that took.
#[derive(Clone, Copy)]
struct Went {
    packets: u64,
    took: Duration,
}

impl Went {
    fn per_second(self) -> u128 {
        u128::from(self.packets) * 1_000_000_000 / self.took.as_nanos().max(1)
    }

    fn by_the_clock(run: impl FnOnce() -> u64) -> Self {
        let began = time::Instant::now();
        let packets = black_box(run());
        Self { packets, took: began.elapsed() }
    }

    /// The fastest of several runs.
    fn fastest(runs: usize, run: impl Fn() -> u64) -> Self {
        (0..runs).map(|_| Self::by_the_clock(&run)).min_by_key(|went| went.took).expect("at least one run")
    }
}

// ---- greenroom ---------------------------------------------------------------------------------------------------------------------------------------------------------

/// Things that happen, in order of time, then of having been told. What is told in the order of its time, as most of it is, waits in a queue for each kind, and only their fronts are compared.
struct Agenda<T> {
    heap: BinaryHeap<Reverse<(u64, u64, usize)>>,
    lanes: Vec<VecDeque<(u64, u64, T)>>,
    told: u64,
}

impl<T> Agenda<T> {
    fn new(lanes: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(lanes), lanes: (0..lanes).map(|_| VecDeque::new()).collect(), told: 0 }
    }

    /// Something will happen in a lane, after everything else there.
    fn tell(&mut self, lane: usize, at: Instant, what: T) {
        let key = (at.as_nanos(), self.told);
        self.told += 1;
        if self.lanes[lane].is_empty() {
            self.heap.push(Reverse((key.0, key.1, lane)));
        }
        self.lanes[lane].push_back((key.0, key.1, what));
    }

    fn next(&mut self) -> Option<(Instant, T)> {
        let mut first = self.heap.peek_mut()?;
        let lane = &mut self.lanes[first.0.2];
        let (at, _, what) = lane.pop_front()?;
        match lane.front() {
            Some((at, told, _)) => *first = Reverse((*at, *told, first.0.2)),
            None => drop(std::collections::binary_heap::PeekMut::pop(first)),
        }
        Some((Instant::from_nanos(at), what))
    }
}

type Payload = [u8; CARRIED_BYTES];

fn link(rate_bps: u64, delay: Duration, name: &str) -> Link {
    let queue = Queue::DropTail(QueueLimit::Time(Duration::from_millis(300)));
    Link::new(LinkConfig { capacity: Capacity::constant(rate_bps), queue, delay, ..LinkConfig::default() }, 1, name)
}

/// The star over links with a rate and a queue, in exact nanoseconds.
fn greenroom_star(hosts: usize, seconds: u64) -> u64 {
    #[derive(Clone, Copy)]
    enum Event {
        Sends(usize),
        AtHub(usize, Payload),
        AtHost(Payload),
    }
    let mut up: Vec<Link> = (0..hosts).map(|host| link(100_000_000, DELAY, &format!("{host}/up"))).collect();
    let mut down: Vec<Link> = (0..hosts).map(|host| link(100_000_000, DELAY, &format!("{host}/down"))).collect();
    // A lane for each link, and one for the hosts' clocks: they all tick alike.
    let mut agenda = Agenda::new(2 * hosts + 1);
    for host in 0..hosts {
        agenda.tell(2 * hosts, Instant::from_nanos(host as u64 * 37_000), Event::Sends(host));
    }
    let (end, mut arrived) = (Instant::from_secs(seconds), 0);
    while let Some((now, event)) = agenda.next().filter(|(now, _)| *now < end) {
        match event {
            Event::Sends(host) => {
                if let Verdict::Deliver { at } = up[host].offer(now, SIZE_BYTES) {
                    agenda.tell(host, at, Event::AtHub(host, [7; CARRIED_BYTES]));
                }
                agenda.tell(2 * hosts, now.saturating_add(GAP), Event::Sends(host));
            }
            Event::AtHub(from, payload) => {
                arrived += 1;
                for to in others(from, hosts) {
                    if let Verdict::Deliver { at } = down[to].offer(now, SIZE_BYTES) {
                        agenda.tell(hosts + to, at, Event::AtHost(payload));
                    }
                }
            }
            Event::AtHost(payload) => arrived += u64::from(black_box(payload)[0] == 7),
        }
    }
    arrived
}

/// Whom the hub forwards to.
fn others(from: usize, hosts: usize) -> impl Iterator<Item = usize> {
    (1..=FAN_OUT.min(hosts - 1)).map(move |n| (from + n) % hosts)
}

/// The dumbbell: each packet crosses a line of its own, the shared one, and another of its own.
fn greenroom_dumbbell(flows: usize, seconds: u64) -> u64 {
    enum Event {
        Sends(usize),
        Crossed { line: usize, flow: usize, payload: Payload },
    }
    let own = |name: String| link(100_000_000, Duration::from_millis(1), &name);
    let mut lines: Vec<Link> =
        (0..flows).map(|flow| own(format!("{flow}/in"))).chain((0..flows).map(|flow| own(format!("{flow}/out")))).collect();
    lines.push(link(1_200_000 * flows as u64, Duration::from_millis(10), "shared"));
    let shared = 2 * flows;
    let mut agenda = Agenda::new(2 * flows + 2);
    for flow in 0..flows {
        agenda.tell(2 * flows + 1, Instant::from_nanos(flow as u64 * 37_000), Event::Sends(flow));
    }
    let (end, mut arrived) = (Instant::from_secs(seconds), 0);
    while let Some((now, event)) = agenda.next().filter(|(now, _)| *now < end) {
        let (line, flow, payload) = match event {
            Event::Sends(flow) => {
                agenda.tell(2 * flows + 1, now.saturating_add(GAP), Event::Sends(flow));
                (flow, flow, [7; CARRIED_BYTES])
            }
            Event::Crossed { line, flow, payload } if line < flows => (shared, flow, payload),
            Event::Crossed { line, flow, payload } if line == shared => (flows + flow, flow, payload),
            Event::Crossed { payload, .. } => {
                arrived += u64::from(black_box(payload)[0] == 7);
                continue;
            }
        };
        if let Verdict::Deliver { at } = lines[line].offer(now, SIZE_BYTES) {
            agenda.tell(line, at, Event::Crossed { line, flow, payload });
        }
    }
    arrived
}

/// A room of ten in the `direct` engine, with its server, its clients and modelled media: a stage of four that everybody watches. Answers with datagrams.
fn room(seconds: u64) -> u64 {
    let text = format!(
        r#"
        title = "a room of ten"
        duration = "{seconds} s"
        link.line = {{ delay = "20 ms", rate = "100 Mbps" }}
        [[user]]
        id = "speaker"
        count = 4
        role = "joiner"
        link = "line"
        publish = true
        [[user]]
        id = "viewer"
        count = 6
        role = "player"
        link = "line"
        "#
    );
    let scenario = Scenario::parse("room", &text, &[]).expect("a scenario");
    let settings = Settings { engine: Engine::Direct, media: Fidelity::Model, seed: 1, ..Settings::default() };
    run::collect(&scenario, settings, &Progress::default()).expect("it runs").network.datagrams()
}

// ---- others ------------------------------------------------------------------------------------------------------------------------------------------------------------

/// The star in turmoil alone: a host for each, a step of one millisecond.
fn turmoil_star(hosts: usize, seconds: u64) -> u64 {
    use turmoil::net::UdpSocket;
    let arrived = Rc::new(Cell::new(0_u64));
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(DELAY)
        .max_message_latency(DELAY)
        .udp_capacity(1 << 16)
        .simulation_duration(Duration::from_secs(seconds + 1))
        .epoch(UNIX_EPOCH)
        .rng_seed(1)
        .build();
    let end = Duration::from_secs(seconds);
    let count = arrived.clone();
    sim.host("hub", move || {
        let count = count.clone();
        async move {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
            let addresses: Vec<_> = (0..hosts).map(|host| turmoil::lookup(format!("host-{host}"))).collect();
            let mut buffer = [0; 2048];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await?;
                count.set(count.get() + 1);
                let from = addresses.iter().position(|address| *address == from.ip()).unwrap_or(0);
                for to in others(from, hosts) {
                    socket.send_to(&buffer[..length], (addresses[to], PORT)).await?;
                }
            }
        }
    });
    for host in 0..hosts {
        let count = arrived.clone();
        sim.client(format!("host-{host}"), async move {
            let socket = Rc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?);
            let receiving = socket.clone();
            tokio::task::spawn_local(async move {
                let mut buffer = [0; 2048];
                while receiving.recv_from(&mut buffer).await.is_ok() {
                    count.set(count.get() + 1);
                }
            });
            let hub = turmoil::lookup("hub");
            while turmoil::sim_elapsed().is_some_and(|elapsed| elapsed < end) {
                socket.send_to(&[7; CARRIED_BYTES], (hub, PORT)).await?;
                tokio::time::sleep(GAP).await;
            }
            Ok(())
        });
    }
    sim.run().expect("turmoil runs");
    arrived.get()
}

/// The star in bach: a group for each, and its own delay of 50 ms.
fn bach_star(hosts: usize, seconds: u64) -> u64 {
    use bach::net::{SocketAddr, UdpSocket};
    let arrived = Arc::new(AtomicU64::new(0));
    let count = arrived.clone();
    bach::sim(|| {
        let hub_count = count.clone();
        async move {
            let socket = UdpSocket::bind(("0.0.0.0", PORT)).await.expect("a free port");
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for host in 0..hosts {
                addresses.extend(bach::net::lookup_host((format!("host-{host}"), PORT)).await.expect("a known host"));
            }
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                hub_count.fetch_add(1, Relaxed);
                let from = addresses.iter().position(|address| address.ip() == from.ip()).unwrap_or(0);
                for to in others(from, hosts) {
                    let _full = socket.send_to(&buffer[..length], addresses[to]).await;
                }
            }
        }
        .group("hub")
        .spawn();
        for host in 0..hosts {
            let count = count.clone();
            async move {
                let socket = Arc::new(UdpSocket::bind(("0.0.0.0", PORT)).await.expect("a free port"));
                let receiving = socket.clone();
                bach::spawn(async move {
                    let mut buffer = [0; 2048];
                    while receiving.recv_from(&mut buffer).await.is_ok() {
                        count.fetch_add(1, Relaxed);
                    }
                });
                let hub = bach::net::lookup_host(("hub", PORT)).await.expect("a known host").next().expect("an address");
                for _ in 0..u128::from(seconds) * 1_000_000_000 / GAP.as_nanos() {
                    let _full = socket.send_to(&[7; CARRIED_BYTES], hub).await;
                    bach::time::sleep(GAP).await;
                }
            }
            .group(format!("host-{host}"))
            .primary()
            .spawn();
        }
    });
    arrived.load(Relaxed)
}

/// The dumbbell in ns-3, or why it was not run.
fn ns3_dumbbell(flows: usize, seconds: u64) -> Result<Went, String> {
    let python = env::var("GREENROOM_NS3_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/ns3/dumbbell.py");
    let ran = Command::new(&python).args([script, &flows.to_string(), &seconds.to_string()]).output();
    let ran = ran.map_err(|error| format!("{python} cannot be run: {error}"))?;
    let told = String::from_utf8_lossy(&ran.stdout);
    let went =
        told.lines().last().and_then(|line| line.split_once(' ')).and_then(|(packets, seconds)| {
            Some(Went { packets: packets.parse().ok()?, took: Duration::from_secs_f64(seconds.parse().ok()?) })
        });
    went.ok_or_else(|| {
        let why = String::from_utf8_lossy(&ran.stderr);
        format!("{python} {script}: {}", why.lines().last().unwrap_or("it printed nothing"))
    })
}

// ---- the table ---------------------------------------------------------------------------------------------------------------------------------------------------------

fn row(name: &str, went: Went, ours: Option<Went>) {
    let ratio = ours.map_or_else(String::new, |ours| {
        let tenths = 10 * ours.per_second() / went.per_second().max(1);
        format!("{}.{}", tenths / 10, tenths % 10)
    });
    println!("{name:<50} {:>10} {:>14} {ratio:>14}", went.packets, went.per_second());
}

fn main() -> ExitCode {
    let measured = env::args().any(|argument| argument == "--bench");
    println!("{:<50} {:>10} {:>14} {:>14}", "one core", "packets", "packets/s", "times slower");

    let stars: &[(usize, u64, u64)] = if measured { &[(10, 20, 20), (100, 10, 1)] } else { &[(4, 1, 1)] };
    let runs = if measured { 5 } else { 1 };
    let mut events = 0;
    for &(hosts, seconds, seconds_of_others) in stars {
        let ours = Went::fastest(runs, || greenroom_star(hosts, seconds));
        events = events.max(2 * ours.per_second());
        row(&format!("star of {hosts}: greenroom's links"), ours, None);
        row(&format!("star of {hosts}: bach"), Went::by_the_clock(|| bach_star(hosts, seconds_of_others)), Some(ours));
        row(&format!("star of {hosts}: turmoil"), Went::by_the_clock(|| turmoil_star(hosts, seconds_of_others)), Some(ours));
    }

    row("a whole room of ten in greenroom's direct engine", Went::fastest(runs, || room(if measured { 30 } else { 1 })), None);

    let dumbbells: &[usize] = if measured { &[10, 50, 200] } else { &[3] };
    let mut missing = None;
    for &flows in dumbbells {
        let seconds = if measured { 10 } else { 1 };
        let ours = Went::fastest(runs, || greenroom_dumbbell(flows, seconds));
        // Three lines each: in and out are two events.
        events = events.max(6 * ours.per_second());
        row(&format!("dumbbell of {flows}: greenroom's links"), ours, None);
        match if measured { ns3_dumbbell(flows, seconds) } else { Err("not asked for without --bench".to_owned()) } {
            Ok(theirs) => row(&format!("dumbbell of {flows}: ns-3"), theirs, Some(ours)),
            Err(why) => missing = Some(why),
        }
    }
    if let Some(why) = missing {
        println!("\nNOT COMPARED with ns-3: {why}\nTo compare: pip install ns3, and GREENROOM_NS3_PYTHON=/the/python/that/has/it");
    }
    println!("\nlink events a second: {events}; {GOAL_EVENTS} were promised");
    if measured && events < GOAL_EVENTS { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
