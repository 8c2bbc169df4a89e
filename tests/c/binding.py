"""What a program in Python sees: connect, define, list, start, hear events, read errors."""

import libvirt

XML = (
    "<domain type='test'><name>web</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>"
    "<memory unit='KiB'>8192</memory><vcpu>2</vcpu><os><type>hvm</type></os></domain>"
)


def quiet(context, error):
    pass


def lifecycle(connection, domain, event, detail, opaque):
    heard.append((domain.name(), event, detail, opaque))


def turn():
    timer = libvirt.virEventAddTimeout(20, lambda number, opaque: None, None)
    before = None
    while before != len(heard):
        before = len(heard)
        libvirt.virEventRunDefaultImpl()
    libvirt.virEventRemoveTimeout(timer)


heard = []
libvirt.registerErrorHandler(quiet, None)
libvirt.virEventRegisterDefaultImpl()
connection = libvirt.open("test:///default")
print(libvirt.getVersion(), connection.getType(), connection.getURI(), connection.isAlive())
print(connection.getInfo())
print([domain.name() for domain in connection.listAllDomains()], connection.listDomainsID())
number = connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle, "mine")
domain = connection.defineXML(XML)
print(domain.name(), domain.UUIDString(), domain.UUID() == bytes.fromhex("4dea22b31d52d8f32516782e98ab3fa0"), domain.ID())
print(connection.listDefinedDomains(), connection.numOfDefinedDomains())
domain.create()
print(domain.isActive(), domain.state(), domain.info()[:4], domain.OSType())
domain.suspend()
print(domain.state())
domain.resume()
print(domain.maxMemory(), domain.maxVcpus(), domain.vcpusFlags(libvirt.VIR_DOMAIN_AFFECT_LIVE))
domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "A title", None, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
print(domain.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG))
domain.setAutostart(1)
print(domain.autostart())
try:
    domain.create()
except libvirt.libvirtError as error:
    print(error, error.get_error_code(), error.get_error_domain(), error.get_error_level())
try:
    connection.lookupByName("nobody")
except libvirt.libvirtError as error:
    print(error.get_error_code(), error.get_error_domain(), error.get_str1())
stream = connection.newStream()
print(domain.screenshot(stream, 0))
picture = b""
while True:
    part = stream.recv(4096)
    if not part:
        break
    picture += part
stream.finish()
print(picture[:4])
domain.destroy()
print("<name>web</name>" in domain.XMLDesc(0))
domain.undefine()
turn()
for event in heard:
    print(event)
connection.domainEventDeregisterAny(number)
print(connection.close())
