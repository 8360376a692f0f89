//! The turmoil engine: the nodes as tasks on simulated hosts, with sockets between them.
//!
//! The server has a host of its own; clients share a few *sites*, because turmoil's cost grows with the cube of its hosts. Each client has a UDP socket for media and opens a
//! TCP connection for each signalling connection; messages on it have their length before them.
//!
//! Every frame carries the exact time at which it is due ([`World`] computes it as it is sent). turmoil's own latency is constant and short, its loss is off; what comes early
//! waits in the node's inbox. What would come late is an [`EngineError::Late`], never a quiet shift.

mod frame;

use core::{
    cell::{Cell, RefCell},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use std::{collections::BTreeMap, io, rc::Rc};

use greenroom_core::time::Instant;
use tokio::{
    io::AsyncWriteExt,
    sync::{Notify, mpsc},
};
use turmoil::net::{
    TcpListener, TcpStream, UdpSocket,
    tcp::{OwnedReadHalf, OwnedWriteHalf},
};

use super::{
    Carrying, Collected, EngineError, Plan, Progress,
    driver::Driver,
    inbox::{Arrival, Origin},
    world::{Carrier, World},
};
use crate::{
    net::{Datagram, network::SERVER},
    node::{Connection, Input, Signal},
};

/// Most hosts that carry clients.
const SITES_MAX: u16 = 4;
/// The host that carries all routers: they never send to each other.
const ROUTERS: &str = "routers";
/// turmoil's step. Below a millisecond tokio's timers and turmoil's network disagree on how long it is.
const TICK: Duration = Duration::from_millis(1);
/// What turmoil adds to every message, constant: the least it can.
const LATENCY: Duration = Duration::from_millis(1);
/// Where the server takes signalling.
const SIGNALLING_PORT: u16 = 7000;
/// The server's UDP port. Clients have those above, one each.
const MEDIA_PORT: u16 = 5000;
/// Messages a socket holds. turmoil's default of 64 drops silently what comes in one burst for hundreds of clients.
const SOCKET_CAPACITY: usize = 1 << 16;
/// turmoil's wall clock at the start; nothing reads it, but its default is the real one.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// What all tasks share. They run on one thread, one at a time.
struct Shared {
    world: RefCell<World>,
    nodes: Vec<Post>,
    end: Instant,
    failure: RefCell<Option<EngineError>>,
}

/// A node, and how its task is woken.
struct Post {
    driver: RefCell<Driver>,
    wake: Notify,
    /// The way out on each of its signalling connections.
    writers: RefCell<BTreeMap<Connection, mpsc::UnboundedSender<Vec<u8>>>>,
    /// Where turmoil has it.
    address: Cell<Option<SocketAddr>>,
}

/// Runs all nodes as tasks until `end`.
pub(super) fn run(plan: Plan<'_>, progress: &Progress) -> Result<Collected, EngineError> {
    let (nodes, world, end, seed) = (plan.nodes(|_| true), plan.world(), plan.end(), plan.seed);
    let routers = world.network.routers();
    let clients = *routers.start() - 1;
    let post = |driver| Post { driver: RefCell::new(driver), wake: Notify::new(), writers: RefCell::default(), address: Cell::new(None) };
    let shared =
        Rc::new(Shared { world: RefCell::new(world), nodes: nodes.into_iter().map(post).collect(), end, failure: RefCell::new(None) });

    let mut sim = turmoil::Builder::new()
        .tick_duration(TICK)
        .min_message_latency(LATENCY)
        .max_message_latency(LATENCY)
        .fail_rate(0.0)
        .udp_capacity(SOCKET_CAPACITY)
        .tcp_capacity(SOCKET_CAPACITY)
        .simulation_duration(Duration::from_nanos(end.as_nanos()) + Duration::from_secs(1))
        .epoch(std::time::UNIX_EPOCH + EPOCH)
        .rng_seed(seed)
        .build();
    sim.client("sfu", serve(shared.clone()));
    for site in 0..SITES_MAX.min(clients) {
        let places = (1..=clients).filter(|client| (client - 1) % SITES_MAX.min(clients) == site).collect();
        sim.client(format!("site-{site}"), attend(shared.clone(), format!("site-{site}"), places));
    }
    if !routers.is_empty() {
        sim.client(ROUTERS, attend(shared.clone(), ROUTERS.to_owned(), routers.collect()));
    }
    loop {
        let done = sim.step().map_err(|error| EngineError::Turmoil(error.to_string()))?;
        progress.set(Instant::from_nanos(nanos(sim.elapsed())));
        if let Some(error) = shared.failure.borrow_mut().take() {
            return Err(error);
        }
        if done {
            break;
        }
    }
    drop(sim);
    let shared = Rc::into_inner(shared).ok_or_else(|| EngineError::Turmoil("a task outlived the simulation".to_owned()))?;
    progress.set(end);
    let nodes: Vec<Driver> = shared.nodes.into_iter().map(|post| post.driver.into_inner()).collect();
    let mut world = shared.world.into_inner();
    world.close(&nodes);
    Ok(world.collect())
}

/// The server's host: one task for the node, one that takes connections.
async fn serve(shared: Rc<Shared>) -> turmoil::Result {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, SIGNALLING_PORT)).await?;
    let socket = bind(&shared, SERVER, "sfu").await?;
    let taking = shared.clone();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (reader, writer) = stream.into_split();
            tokio::task::spawn_local(take_connection(taking.clone(), reader, writer));
        }
    });
    drive(shared, SERVER, socket).await;
    Ok(())
}

/// A site's host: one task for each of its clients; or that of all routers, one task for each.
async fn attend(shared: Rc<Shared>, host: String, places: Vec<u16>) -> turmoil::Result {
    let mut tasks = Vec::new();
    for place in places {
        let socket = bind(&shared, place, &host).await?;
        tasks.push(tokio::task::spawn_local(drive(shared.clone(), place, socket)));
    }
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn bind(shared: &Shared, place: u16, host: &str) -> io::Result<UdpSocket> {
    let port = MEDIA_PORT + place;
    shared.nodes[usize::from(place)].address.set(Some(SocketAddr::new(turmoil::lookup(host), port)));
    UdpSocket::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)).await
}

/// Runs one node: pulls in what has come, replays what is due in exact order, and sleeps until there is more.
async fn drive(shared: Rc<Shared>, place: u16, socket: UdpSocket) {
    let post = &shared.nodes[usize::from(place)];
    let mut buffer = vec![0; 1 << 16];
    let mut out = Vec::new();
    let mut deliveries = Deliveries::default();
    loop {
        while let Ok((length, _)) = socket.try_recv_from(&mut buffer) {
            if let Some(arrival) = frame::read_datagram(&buffer[..length]) {
                shared.expect(place, arrival);
            }
        }
        let now = now();
        loop {
            let due = post.driver.borrow().next().filter(|at| *at <= now && *at < shared.end);
            let Some(at) = due else { break };
            let mut driver = post.driver.borrow_mut();
            if let Err(error) = driver.step(at) {
                shared.fail(*error);
                return;
            }
            while let Some((count, output)) = driver.poll_output() {
                let dispatched = shared.world.borrow_mut().dispatch(at, place, count, output, &mut deliveries);
                dispatched.expect("to note a delivery cannot fail");
            }
            let decided = shared.world.borrow_mut().decide(at, place, &mut deliveries);
            driver.queue = decided.expect("to note a delivery cannot fail");
            drop(driver);
            for (to, arrival) in deliveries.0.drain(..) {
                shared.send(place, &socket, &mut out, to, arrival);
            }
        }
        if now >= shared.end {
            return;
        }
        let next = post.driver.borrow().next().unwrap_or(shared.end).min(shared.end);
        let pause = next.saturating_since(now).max(Duration::from_micros(1));
        tokio::select! {
            biased;
            _ = socket.readable() => {}
            () = post.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What is to be put on turmoil's network, and for whom.
#[derive(Default)]
struct Deliveries(Vec<(u16, Arrival)>);

impl Carrier for Deliveries {
    fn take_datagram(&mut self, to: u16, at: Instant, origin: Origin, datagram: &mut Datagram) -> Carrying {
        self.0.push((to, Arrival { at, origin, input: Input::Datagram(datagram.take()) }));
        Ok(())
    }

    fn take_signal(&mut self, to: u16, at: Instant, origin: Origin, connection: Connection, signal: Signal) -> Carrying {
        self.0.push((to, Arrival { at, origin, input: Input::Signal { connection, signal } }));
        Ok(())
    }
}

/// Virtual time on whatever host asks.
fn now() -> Instant {
    Instant::from_nanos(turmoil::sim_elapsed().map_or(0, nanos))
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Shared {
    fn fail(&self, error: EngineError) {
        self.failure.borrow_mut().get_or_insert(error);
    }

    fn expect(&self, place: u16, arrival: Arrival) {
        let post = &self.nodes[usize::from(place)];
        if let Err(error) = post.driver.borrow_mut().expect(arrival) {
            self.fail(*error);
        }
        post.wake.notify_one();
    }

    /// Puts something on turmoil's network.
    fn send(self: &Rc<Self>, from: u16, socket: &UdpSocket, out: &mut Vec<u8>, to: u16, arrival: Arrival) {
        match &arrival.input {
            Input::Datagram(datagram) => {
                let Some(address) = self.nodes.get(usize::from(to)).and_then(|post| post.address.get()) else {
                    return;
                };
                frame::write_datagram(out, &arrival, datagram);
                if socket.try_send_to(out, address).is_err() {
                    self.fail(EngineError::Turmoil(format!("node {from} could not send a datagram at {}", arrival.at)));
                }
            }
            // What the host tells its own process does not travel: that nobody takes its connection.
            Input::Signal { signal: Signal::Closed, .. } | Input::Moved { .. } if to == from => self.expect(to, arrival),
            Input::Moved { .. } => {}
            Input::Signal { connection, signal: Signal::Opened } if to == from => {
                let (writer, frames) = mpsc::unbounded_channel();
                self.nodes[usize::from(from)].writers.borrow_mut().insert(*connection, writer);
                tokio::task::spawn_local(open_connection(self.clone(), *connection, arrival, frames));
            }
            // The server hears of a connection by its first frame, which waits until it is open.
            Input::Signal { connection, signal } => self.write(from, *connection, signal, &arrival),
        }
    }

    /// Hands a frame to the task that writes to a connection. A connection that has no such task is closed: nobody listens.
    fn write(&self, from: u16, connection: Connection, signal: &Signal, arrival: &Arrival) {
        let mut writers = self.nodes[usize::from(from)].writers.borrow_mut();
        if let Some(writer) = writers.get(&connection) {
            let _ended = writer.send(frame::signal(connection, signal, arrival));
        }
        if *signal == Signal::Closed {
            writers.remove(&connection);
        }
    }
}

/// A client's side of a connection: opens it, says so when the time has come, then reads and writes until it ends.
async fn open_connection(shared: Rc<Shared>, connection: Connection, opened: Arrival, frames: mpsc::UnboundedReceiver<Vec<u8>>) {
    match TcpStream::connect(("sfu", SIGNALLING_PORT)).await {
        Ok(stream) => {
            let (reader, writer) = stream.into_split();
            tokio::task::spawn_local(write_frames(writer, frames));
            let client = connection.client();
            shared.expect(client, opened);
            read_frames(&shared, client, reader).await;
        }
        Err(error) => shared.fail(EngineError::Turmoil(format!("client {} could not connect: {error}", connection.client()))),
    }
}

/// The server's side of a connection. The first frame tells which one it is.
async fn take_connection(shared: Rc<Shared>, mut reader: OwnedReadHalf, writer: OwnedWriteHalf) {
    let Ok((connection, opened)) = frame::read_signal(&mut reader).await else {
        return;
    };
    let (sender, frames) = mpsc::unbounded_channel();
    shared.nodes[usize::from(SERVER)].writers.borrow_mut().insert(connection, sender);
    tokio::task::spawn_local(write_frames(writer, frames));
    shared.expect(SERVER, opened);
    read_frames(&shared, SERVER, reader).await;
}

async fn read_frames(shared: &Shared, place: u16, mut reader: OwnedReadHalf) {
    while let Ok((_, arrival)) = frame::read_signal(&mut reader).await {
        shared.expect(place, arrival);
    }
}

async fn write_frames(mut writer: OwnedWriteHalf, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if writer.write_all(&frame).await.is_err() {
            break;
        }
    }
}
