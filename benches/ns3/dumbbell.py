"""The dumbbell of benches/benches/engines.rs in ns-3: N sources, one line, N sinks; prints packets that arrived, and seconds of wall time.

    python3 benches/ns3/dumbbell.py FLOWS SECONDS

needs `pip install ns3`. Each source sends 1200 bytes of UDP every 10 ms over 100 Mbps and 1 ms to a router; between the routers are 10 ms and 1.2 Mbps for each flow; then
100 Mbps and 1 ms again. Queues are drop-tail; ns-3's traffic control is taken off the devices, so that packets queue in one place. Only the run is timed, not what builds the network.
"""

import sys
import time

from ns import ns

FLOWS, SECONDS = int(sys.argv[1]), float(sys.argv[2])

nodes = ns.NodeContainer()
nodes.Create(2 * FLOWS + 2)
left, right = 2 * FLOWS, 2 * FLOWS + 1
stack = ns.InternetStackHelper()
stack.SetRoutingHelper(ns.Ipv4NixVectorHelper())  # routes are remembered by flow: with ns-3's default it looks through a table of all subnets for each packet
stack.Install(nodes)
addresses = ns.Ipv4AddressHelper()
subnets = 0


def wire(one, other, rate, delay):
    """A line between two nodes; answers with the interfaces' addresses."""
    global subnets
    helper = ns.PointToPointHelper()
    helper.SetDeviceAttribute("DataRate", ns.StringValue(rate))
    helper.SetChannelAttribute("Delay", ns.StringValue(delay))
    helper.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", ns.StringValue("1000p"))
    ends = ns.NodeContainer()
    ends.Add(nodes.Get(one))
    ends.Add(nodes.Get(other))
    devices = helper.Install(ends)
    addresses.SetBase(ns.Ipv4Address(f"10.{subnets // 256}.{subnets % 256}.0"), ns.Ipv4Mask("255.255.255.0"))
    subnets += 1
    interfaces = addresses.Assign(devices)
    ns.TrafficControlHelper().Uninstall(devices)
    return interfaces


wire(left, right, f"{1_200 * FLOWS}kbps", "10ms")
sinks = []
for flow in range(FLOWS):
    wire(flow, left, "100Mbps", "1ms")
    interfaces = wire(right, FLOWS + flow, "100Mbps", "1ms")
    server = ns.UdpServerHelper(9)
    apps = server.Install(nodes.Get(FLOWS + flow))
    apps.Start(ns.Seconds(0))
    sinks.append(apps.Get(0))
    client = ns.UdpClientHelper(ns.InetSocketAddress(interfaces.GetAddress(1), 9).ConvertTo())
    client.SetAttribute("MaxPackets", ns.UintegerValue(1 << 31))
    client.SetAttribute("Interval", ns.TimeValue(ns.MilliSeconds(10)))
    client.SetAttribute("PacketSize", ns.UintegerValue(1200))
    apps = client.Install(nodes.Get(flow))
    apps.Start(ns.MicroSeconds(flow * 37))

ns.Simulator.Stop(ns.Seconds(SECONDS))
began = time.perf_counter()
ns.Simulator.Run()
took = time.perf_counter() - began
arrived = sum(ns.cppyy.gbl.ns3.DynamicCast[ns.UdpServer](sink).GetReceived() for sink in sinks)
print(f"{arrived} {took:.6f}")
