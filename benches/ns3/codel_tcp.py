"""One TCP flow over a bottleneck with CoDel in ns-3, for docs/LINKS.md: how much of 10 Mbps it uses over 100 ms.

    python3 benches/ns3/codel_tcp.py TcpLinuxReno 60 [SEGMENTS_PER_ACK]

needs `pip install ns3`. Segments are 1210 bytes, so that packets with their headers are about the 1250 bytes of the scorecard; utilisation counts those headers. The device's own queue holds one packet:
all others wait in CoDel.
"""

import sys

from ns import ns

ALGORITHM, SECONDS = sys.argv[1], float(sys.argv[2])
SEGMENTS_PER_ACK = int(sys.argv[3]) if len(sys.argv) > 3 else 1
SEGMENT_BYTES = 1210
WIRE_BYTES = SEGMENT_BYTES + 20 + 32 + 2  # IPv4, TCP with timestamps, PPP
RATE_BPS = 10_000_000
SETTLED_S = 20

for key, value in {
    "TcpL4Protocol::SocketType": ns.StringValue(f"ns3::{ALGORITHM}"),
    "TcpSocket::SegmentSize": ns.UintegerValue(SEGMENT_BYTES),
    "TcpSocket::DelAckCount": ns.UintegerValue(SEGMENTS_PER_ACK),
    "TcpSocket::InitialCwnd": ns.UintegerValue(10),
    "TcpSocket::SndBufSize": ns.UintegerValue(1 << 23),
    "TcpSocket::RcvBufSize": ns.UintegerValue(1 << 23),
}.items():
    ns.Config.SetDefault(f"ns3::{key}", value)

nodes = ns.NodeContainer()
nodes.Create(4)
ns.InternetStackHelper().Install(nodes)
addresses = ns.Ipv4AddressHelper()


def wire(one, other, rate, delay, has_codel=False):
    """A line between two nodes; answers with its interfaces."""
    helper = ns.PointToPointHelper()
    helper.SetDeviceAttribute("DataRate", ns.StringValue(rate))
    helper.SetChannelAttribute("Delay", ns.StringValue(delay))
    helper.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", ns.StringValue("1p" if has_codel else "10000p"))
    ends = ns.NodeContainer()
    ends.Add(nodes.Get(one))
    ends.Add(nodes.Get(other))
    devices = helper.Install(ends)
    if has_codel:
        control = ns.TrafficControlHelper()
        control.SetRootQueueDisc("ns3::CoDelQueueDisc")
        control.Install(devices)
    addresses.SetBase(ns.Ipv4Address(f"10.1.{one}.0"), ns.Ipv4Mask("255.255.255.0"))
    return addresses.Assign(devices)


wire(0, 1, "1Gbps", "0.1ms")
wire(1, 2, f"{RATE_BPS}bps", "49.8ms", has_codel=True)
far = wire(2, 3, "1Gbps", "0.1ms")
ns.Ipv4GlobalRoutingHelper.PopulateRoutingTables()
sinks = ns.PacketSinkHelper("ns3::TcpSocketFactory", ns.InetSocketAddress(ns.Ipv4Address.GetAny(), 5000).ConvertTo()).Install(nodes.Get(3))
sinks.Start(ns.Seconds(0))
source = ns.BulkSendHelper("ns3::TcpSocketFactory", ns.InetSocketAddress(far.GetAddress(1), 5000).ConvertTo())
source.SetAttribute("MaxBytes", ns.UintegerValue(0))
source.SetAttribute("SendSize", ns.UintegerValue(SEGMENT_BYTES))
source.Install(nodes.Get(0)).Start(ns.Seconds(0))

ns.cppyy.cppdef("""
#include "ns3/packet-sink.h"
static ns3::Ptr<ns3::PacketSink> sink;
static uint64_t settled;
void Settle() { settled = sink->GetTotalRx(); }
void Watch(ns3::Ptr<ns3::Application> app, double at) { sink = ns3::DynamicCast<ns3::PacketSink>(app); ns3::Simulator::Schedule(ns3::Seconds(at), &Settle); }
uint64_t Settled() { return settled; }
uint64_t All() { return sink->GetTotalRx(); }
""")
ns.cppyy.gbl.Watch(sinks.Get(0), float(SETTLED_S))
ns.Simulator.Stop(ns.Seconds(SECONDS))
ns.Simulator.Run()
before, after = ns.cppyy.gbl.Settled(), ns.cppyy.gbl.All()


def share(data_bytes, seconds):
    """Of the bottleneck, headers included."""
    return data_bytes * 8 * WIRE_BYTES / SEGMENT_BYTES / (seconds * RATE_BPS)


print(f"{ALGORITHM}: 0 to {SECONDS:.0f} s {share(after, SECONDS):.3f}, from {SETTLED_S} s on {share(after - before, SECONDS - SETTLED_S):.3f}")
