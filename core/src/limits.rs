//! Every bound in one place, each with where its number comes from.
//!
//! Reaching a bound is answered with a [`Code`](crate::code::Code); nothing grows without one.

use core::time::Duration;

/// Longest room id, in bytes. Both vendor documents print 64 (SparkRTC `join`, Agora `Client.join`).
pub const ROOM_ID_BYTES: usize = 64;
/// Longest user id, in bytes. SparkRTC `join` prints 64 characters of an ASCII set.
pub const USER_ID_BYTES: usize = 64;
/// Longest user name, in bytes of UTF-8. SparkRTC prints 256 (its FAQ prints 128; the reference wins).
pub const USER_NAME_BYTES: usize = 256;
/// Longest rid, in characters: RTP's one-byte header extension carries 1 to 16 bytes (RFC 8285 section 4.2).
pub const RID_BYTES: usize = 16;

/// Longest app id, in bytes (R-001, SparkRTC `createClient`).
pub const APP_ID_BYTES: usize = 128;
/// Longest signature that is looked at, in bytes. A good one has 64.
pub const SIGNATURE_BYTES: usize = 512;
/// Longest expiry that comes with a signature, in digits: those of the largest `u64`.
pub const CTIME_BYTES: usize = 20;
/// How far ahead a signature's expiry must not lie: it is refused from here on.
pub const SIGNATURE_AHEAD: Duration = Duration::from_secs(12 * 3600);
/// Longest channel key that is looked at, in bytes. A good one has 103; a choice: the same as for signatures.
pub const CHANNEL_KEY_BYTES: usize = 512;
/// Longest channel name, in bytes (R-071, Agora `Client.join`).
pub const CHANNEL_NAME_BYTES: usize = 64;
/// How long after its issue a channel key lets its holder enter, this second included.
pub const CHANNEL_KEY_WINDOW: Duration = Duration::from_secs(300);
/// How long after its issue a channel key is good to come back with. Agora says that keys stop being good "after some time" and prints no figure; a choice: a day, longer than a call.
pub const CHANNEL_KEY_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How far ahead of the server's clock a channel key's issue may lie, because the clock of whoever issued it may be fast. A choice: LiveKit's leeway for tokens is a minute, too.
pub const CHANNEL_KEY_AHEAD: Duration = Duration::from_secs(60);

/// Most members of one room. A choice: the vendors print none, and the benches go to 10,000.
pub const ROOM_MEMBERS: usize = 10_000;
/// Most streams one member publishes: a main and an auxiliary one (SparkRTC statistics name `mainStream` and `subStream`).
pub const STREAMS_PER_MEMBER: usize = 2;
/// Most layers of one stream. Three simulcast encodings are what browsers send; six leaves room for temporal layers beside them.
pub const LAYERS_PER_STREAM: usize = 6;
/// Most temporal layers of one encoding: VP8's payload descriptor has two bits for their number (RFC 7741 section 4.2).
pub const TEMPORAL_LAYERS: u8 = 4;
/// How long a layer that nobody wishes any more is still sent by a publisher on demand. LiveKit waits 5 s as well before it lowers: who turns a page back finds the picture there.
pub const LAYER_LINGER: Duration = Duration::from_secs(5);
/// How long a layer must send more than its publisher declared before plans count with that. A choice: a page that is turned makes a screen burst for a second or two (Jitsi Videobridge's issue 2443 has 21 suspensions
/// from such bursts), and a layer that really needs more does so for longer.
pub const EXCESS_PATIENCE: Duration = Duration::from_secs(4);
/// Most streams one member subscribes to. A choice: a seven by seven grid, and a share.
pub const SUBSCRIPTIONS_PER_MEMBER: usize = 50;
/// Times within a minute that a user's newer session takes the place of an older one. A choice: somebody who changes devices does so once or twice; two clients that
/// displace each other would go on for ever, and everybody else in the room would watch.
pub const TAKEOVERS_PER_MINUTE: usize = 5;
/// Most requests a client has open at once. A choice: more than any screen can start at a time.
pub const OPEN_REQUESTS: usize = 64;
/// Longest opaque media description on the wire, in bytes. An ICE and DTLS description without SDP takes some 300.
pub const MEDIA_DESCRIPTION_BYTES: usize = 4096;
/// Timers fired and plans made in one call of a room. A choice: 64 plans of a few streams take less than a video packet's time on a fast link.
pub const ROOM_BATCH: usize = 64;
/// Time between two batches. At 1 ms a room of ten thousand is through in 160 ms, sooner than estimates come.
pub const ROOM_BATCH_SPACING: Duration = Duration::from_millis(1);
/// Most outputs of a room for one input or one timer. A new list of wanted videos makes the most: for each subscription given up the order to forward it no longer and the
/// word to its publisher; the same two for each that takes its place, and in its plan a layer, its event, a key-frame request and its event; then what the bandwidth estimator
/// aims at, and the answer.
pub const ROOM_OUTPUTS: usize = 8 * SUBSCRIPTIONS_PER_MEMBER + 2;

/// Shortest span that a setting may have: with none, a timer would come again at once.
pub const SPAN_MIN: Duration = Duration::from_millis(1);
/// How often a session says it is there. A choice: LiveKit pings every 5 s; a call notices sooner.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
/// Silence after which a connection counts as gone: three heartbeats.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(6);
/// How long a request may go without its answer.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first connection may take before join fails.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a member's place is kept while its connection is away.
pub const RECONNECT_WINDOW: Duration = Duration::from_secs(30);
/// How long a member may stay after its key expired. SparkRTC prints no figure; 30 s is enough for an application to fetch a new key and no gift to a thief.
pub const KEY_GRACE: Duration = Duration::from_secs(30);
/// First wait before another attempt to connect; it doubles up to [`BACKOFF_MAX`].
pub const BACKOFF_FIRST: Duration = Duration::from_millis(300);
/// Longest wait between attempts to connect.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Longest time one attempt to reconnect may take.
pub const RECONNECT_ATTEMPT: Duration = Duration::from_secs(3);

/// Shortest time between two key-frame requests for one layer of one stream, however many ask. libwebrtc's encoders answer requests no more often than that.
pub const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(300);
/// How long to wait for a requested key frame before asking again. mediasoup's manager and LiveKit's upper bound are 1 s.
pub const KEY_FRAME_RETRY: Duration = Duration::from_secs(1);
/// Shortest time from one rise of a plan to a higher one. A choice: estimators speak up to ten times a second, and a few that rise by chance are no trend; the wait is short beside that for a key frame.
pub const UP_SPACING: Duration = Duration::from_millis(500);
/// How long estimates are remembered that fell, and how long after a plan was lowered for want of capacity the line is left to drain. GCC has just found a full queue: until that has drained, its estimate wavers around
/// what the link carries, and a plan that followed it would flap. A choice: the queue of a bad link holds a few hundred milliseconds, and three seconds cost little of a recovery.
pub const UP_HOLD: Duration = Duration::from_secs(3);
/// How long a rise that failed is not tried again on the same line; after each failure that follows twice as long, up to [`UP_RETRY`]. GCC gets from half of what a line carries to all of it in nine seconds, at 8 % a second: to
/// try sooner is to ask before there is an answer.
pub const UP_RETRY_FIRST: Duration = Duration::from_secs(10);
/// The longest that a rise which failed again and again is not tried on the same line, and how long a line must be calm before a rise takes no margin any more. A choice: whoever goes up once a minute and down after it switches twice a minute, which is what a viewer is asked to bear.
pub const UP_RETRY: Duration = Duration::from_secs(60);
/// How much of what a screen share declares is not counted in a plan, at most: by so much a plan may exceed what it is made for. Jitsi Videobridge lets one on stage exceed the estimate by as much
/// (`videobridge.cc.max-oversend-bitrate` is 500 kbps).
pub const SCREEN_ALLOWANCE_BPS: u64 = 500_000;
/// What may wait in the queues of a line before that is too much: no more than 100 ms, as RFC 6817 section 2.5 bounds its target.
pub const QUEUE_TARGET: Duration = Duration::from_millis(100);
/// How long so much must wait before less is sent. A choice: a key frame's burst and what GCC itself does about it are over by then; half of it was as good.
pub const QUEUE_PATIENCE: Duration = Duration::from_millis(500);
/// The same beside a screen. A choice: a page that is turned fills a queue for as long as it takes, which goes by itself, and a film stands there for longer. Between 4 s and 8 s nothing differs but by chance.
pub const SCREEN_QUEUE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a window of network quality lasts, unless whoever measures says otherwise. Agora and Tencent tell of quality every two seconds, and five RTCP intervals of video (RFC 3550 section 6.2, reduced
/// to 360 kbit a second) lie in it.
pub const QUALITY_WINDOW: Duration = Duration::from_secs(2);
/// Longest delay, jitter, freeze and window that a score is reckoned with; longer ones count as that. A choice: a thousand times what still passes for a conversation.
pub const QUALITY_SPAN_MAX: Duration = Duration::from_secs(60);

/// How many voices each listener hears who hears the loudest (SparkRTC 3.6).
pub const LOUDEST: usize = 3;
/// How long a speaker keeps its place among the loudest after it was audible last, if nobody else speaks. A choice: longer than the pause between two sentences.
pub const VOICE_HOLD: Duration = Duration::from_millis(1500);
/// How long a newcomer must be louder than one of the loudest to take its place. A choice: longer than a pause for breath within a sentence, a cough or a click; the interval in which JVB and mediasoup
/// decide on the dominant speaker is the same.
pub const VOICE_CHALLENGE: Duration = Duration::from_millis(300);
/// How long whoever took a place among the loudest keeps it at least, unless it is muted, leaves or falls silent. A choice: a word; no place changes hands more than twice a second.
pub const VOICE_TENURE: Duration = Duration::from_millis(500);
/// How soon it is decided whether somebody who speaks is among the loudest. A packet of Opus carries 20 ms (RFC 7587 section 4.2): by then everyone who speaks has been heard once.
pub const VOICE_DECISION: Duration = Duration::from_millis(20);
/// How often listeners are told how loud the loudest are. A choice: a meter that moves three times a second looks alive, and LiveKit's tells every 400 ms.
pub const VOLUME_INTERVAL: Duration = Duration::from_millis(300);
/// What is set aside for each voice in the line of who hears the loudest, in bits per second: SparkRTC's audio profile `standard`.
pub const VOICE_BPS: u64 = 40_000;
/// Longest time without a good picture that a watch may be set to, in seconds.
pub const WATCH_INTERVAL_SECS: u8 = 60;
/// How long a check waits for other streams that die with the first. A choice: two pictures at 20 a second.
pub const WATCH_GATHER: Duration = Duration::from_millis(100);

/// Most stream objects of one client of a dialect. A choice: an application publishes two.
pub const LOCAL_STREAMS: usize = 64;
/// Most kinds of events, counted for each object, that one client's handlers wait for. SparkRTC prints 26 for a client and 4 for a stream: every handler on every object fits.
pub const EVENT_HANDLERS: usize = 512;
/// Most proxies or relays that one client is told of. A choice: a company has a few.
pub const RELAY_SERVERS: usize = 16;
/// Longest address of a proxy or relay, in bytes. A name of the domain name system has 253 at most (RFC 1035); scheme and port fit beside it.
pub const SERVER_ADDRESS_BYTES: usize = 280;
/// Longest user name and longest credential for relays, in bytes. A choice: TURN's long-term credentials are shorter than 513 (RFC 8489 sections 14.3 and 14.4).
pub const TURN_CREDENTIAL_BYTES: usize = 512;
/// Most rooms of one service. A choice: as many as one machine has cores' worth of calls for, a few at a time in each.
pub const ROOMS: usize = 10_000;
/// Most connections of one service, those that have not joined included. A choice: what one process is commonly given descriptors for.
pub const CONNECTIONS: usize = 100_000;
/// How many rooms a user may be in beside the first (R-200, C-08; SparkRTC chapter 1.1).
pub const RELAY_ROOMS: usize = 4;
/// Stays that the server ended whose end a room remembers, for whoever comes back to one. A choice: an application removes a few; a hundred kilobytes, and whose end is forgotten is told
/// that the stay is gone.
pub const ENDED_STAYS: usize = 1000;
/// Rooms that were dissolved and are gone whose end a service remembers, for whoever comes back to one. A choice: a tenth of [`ROOMS`].
pub const DISSOLVED_ROOMS: usize = 1000;
/// How long a room that everyone has left is kept. Longer than [`RECONNECT_WINDOW`], so that the number of a stay is not given again while a client may try to go on with it.
pub const ROOM_IDLE: Duration = Duration::from_secs(60);
/// How long a connection may be open without its user being in a room. A choice: twice [`CONNECT_TIMEOUT`]; a client connects in order to join.
pub const JOIN_PATIENCE: Duration = Duration::from_secs(20);
/// Time that one command of a connection takes from its share: 20 a second in the long run. A choice: ten times what a busy screen makes.
pub const COMMAND_INTERVAL: Duration = Duration::from_millis(50);
/// Commands that a connection may make at once. A choice: two seconds' worth, for a screen that restores itself.
pub const COMMAND_BURST: u32 = 40;
/// Time that one wish for a stream takes from a connection's share: 50 a second in the long run. A choice: a page of [`SUBSCRIPTIONS_PER_MEMBER`] pictures turned every second.
pub const SUBSCRIBE_INTERVAL: Duration = Duration::from_millis(20);
/// Wishes for streams that a connection may make at once. A choice: four such pages.
pub const SUBSCRIBE_BURST: u32 = 200;
/// Time that one failed join takes from the share of its source: ten a minute in the long run. A choice: a person who mistypes is slower, and who guesses gets nowhere at a million times that.
pub const FAILED_JOIN_INTERVAL: Duration = Duration::from_secs(6);
/// Joins that may fail at once from one source. A choice: a minute's worth.
pub const FAILED_JOIN_BURST: u32 = 10;
/// Sources of failed joins that are remembered. A choice: a quarter of a megabyte; the one forgotten first is the one that would soonest be forgiven.
pub const FAILED_JOIN_SOURCES: usize = 10_000;
/// Time that one refusal for haste or for a bad key takes from a connection's share: whoever is refused more than once a second in the long run is sent away.
pub const REFUSAL_INTERVAL: Duration = Duration::from_secs(1);
/// Such refusals in a row after which a connection is closed. A choice: two and a half [`COMMAND_BURST`]s; a program that heeds one refusal never comes near.
pub const REFUSAL_BURST: u32 = 100;
/// Messages that may wait for one connection to take them. A choice: what ten thousand members cause in a second when one in ten does something.
pub const OUTBOX_MESSAGES: usize = 1024;
/// Bytes that may wait for one connection to take them. A choice: 256 KiB, at which a connection of 1 Mbit/s is two seconds behind.
pub const OUTBOX_BYTES: usize = 256 * 1024;
