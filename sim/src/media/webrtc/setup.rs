//! How str0m is set up, and the clocks that it looks at once in a process.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Once};

use greenroom_core::time::Instant;
use str0m::{Candidate, Input, Output, Rtc, bwe::Bitrate, config::CryptoProvider};

use super::{
    super::{End, Fidelity, PeerConfig},
    cert, crypto, null,
};
use crate::entropy::{self, std_instant};

/// Packets kept for retransmission: more than three seconds of the highest layer here, after which str0m drops them anyway.
const RETRANSMIT_PACKETS: usize = 1000;

/// How many unanswered ICE checks end the connection. With str0m's spacing (250 ms doubling to 3 s) seven take 15.5 s, next to the 15 s after which its ICE-lite end forgets a silent
/// client; the default of nine would leave the client talking to nobody for six seconds more.
const ICE_RETRANSMITS: usize = 7;

pub(super) fn rtc(now: Instant, config: &PeerConfig) -> Rtc {
    let provider = match config.fidelity {
        Fidelity::WebRtc => crypto::REAL,
        Fidelity::WebRtcNull => null::NULL,
        Fidelity::Model => unreachable!("a model has a peer of its own"),
    };
    let mut builder = Rtc::builder()
        .set_crypto_provider(Arc::<CryptoProvider>::new(provider))
        .set_dtls_cert(cert::laboratory())
        .set_rtp_mode(true)
        .set_ice_lite(config.end == End::Server)
        .clear_codecs()
        .enable_vp8(true)
        .enable_opus(true, false)
        .set_stats_interval(config.estimate_every)
        .enable_raw_packets(true) // for the reports, feedback and numbers among them, which str0m keeps to itself
        .set_send_buffer_video(RETRANSMIT_PACKETS);
    builder.set_max_stun_retransmits(ICE_RETRANSMITS);
    if let Some(bps) = config.estimate_from {
        builder = builder.enable_bwe(Some(Bitrate::bps(bps)));
    }
    if let Some(every) = config.report_every {
        builder = builder.set_rtcp_report_interval_audio(every).set_rtcp_report_interval_video(every);
    }
    let mut rtc = builder.build(std_instant(now));
    let candidate = Candidate::host(config.local.into(), "udp").expect("a peer's own address is that of one host");
    rtc.add_local_candidate(candidate);
    rtc
}

/// Makes str0m and dimpl take their first look at the clock on a simulated thread. They do so once in a process, and keep what they saw as the beginning of time: it must be the same in every
/// process, and before everything they are told.
pub(super) fn settle_clocks() {
    static SETTLED: Once = Once::new();
    SETTLED.call_once(|| {
        entropy::isolated(0, 1 << 20, || {
            let config = PeerConfig {
                fidelity: Fidelity::WebRtc,
                local: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9),
                end: End::Client,
                estimate_from: None,
                report_every: None,
                estimate_every: None,
                seed: 0,
            };
            let mut rtc = rtc(Instant::ZERO, &config);
            // The hello of a DTLS client holds the time of day; nothing of this can fail, nor would it matter.
            let _ = rtc.direct_api().start_dtls(true);
            let _ = rtc.handle_input(Input::Timeout(std_instant(Instant::ZERO)));
            while let Ok(Output::Transmit(_) | Output::Event(_)) = rtc.poll_output() {}
        });
    });
}
