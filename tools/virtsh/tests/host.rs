//! What the commands about the host and about virtsh itself print.

mod support;

use expect_test::{Expect, expect};
use support::{Virtsh, check, check_words};

#[test]
fn the_host() {
    check(
        "nodeinfo; uri; maxvcpus",
        expect![[r#"
        CPU model:           i686
        CPU(s):              16
        CPU frequency:       1400 MHz
        CPU socket(s):       2
        Core(s) per socket:  2
        Thread(s) per core:  2
        NUMA cell(s):        2
        Memory size:         3145728 KiB

        test:///default

        32

    "#]],
    );
    check(
        "version",
        expect![[r#"
        Compiled against library: virt-core 0.1.0
        Using library: virt-core 0.1.0
        Using API: TEST 0.1.0
        Running hypervisor: TEST 0.0.2

    "#]],
    );
    check(
        "domcapabilities; domcapabilities --virttype qemu",
        expect![[r#"
        <domainCapabilities>
          <domain>test</domain>
          <arch>i686</arch>
          <cpu>
            <mode name='host-passthrough' supported='no'/>
            <mode name='maximum' supported='no'/>
            <mode name='host-model' supported='no'/>
            <mode name='custom' supported='no'/>
          </cpu>
          <devices>
          </devices>
          <features>
            <sev supported='no'/>
            <sgx supported='no'/>
          </features>
        </domainCapabilities>

        <domainCapabilities>
          <domain>qemu</domain>
          <arch>i686</arch>
          <cpu>
            <mode name='host-passthrough' supported='no'/>
            <mode name='maximum' supported='no'/>
            <mode name='host-model' supported='no'/>
            <mode name='custom' supported='no'/>
          </cpu>
          <devices>
          </devices>
          <features>
            <sev supported='no'/>
            <sgx supported='no'/>
          </features>
        </domainCapabilities>

    "#]],
    );
    check(
        "event --list",
        expect![[r#"
        lifecycle
        reboot
        rtc-change
        watchdog
        io-error
        graphics
        io-error-reason
        control-error
        block-job
        disk-change
        tray-change
        pm-wakeup
        pm-suspend
        balloon-change
        pm-suspend-disk
        device-removed
        block-job-2
        tunable
        agent-lifecycle
        device-added
        migration-iteration
        job-completed
        device-removal-failed
        metadata-change
        block-threshold
        memory-failure
        memory-device-size-change
        nic-mac-change

    "#]],
    );
}

#[test]
fn unknown_words_are_refused() {
    check(
        "lits",
        expect![[r#"
            error: unknown command: 'lits'
            hint: did you mean 'list'?
            [exit code 1]
        "#]],
    );
    check(
        "uri; bogus",
        expect![[r#"
        error: unknown command: 'bogus'
        [exit code 1]
    "#]],
    );
    check(
        "dominfo",
        expect![[r#"
        error: command 'dominfo' requires <domain> option
        [exit code 1]
    "#]],
    );
    check(
        "dominfo test --bogus",
        expect![[r#"
        error: command 'dominfo' doesn't support option --bogus
        [exit code 1]
    "#]],
    );
    check(
        "dominfo test extra",
        expect![[r#"
        error: unexpected data 'extra'
        [exit code 1]
    "#]],
    );
    check(
        "dominfo --domain",
        expect![[r#"
        error: expected syntax: --domain <string>
        [exit code 1]
    "#]],
    );
    check(
        "setmem test --size",
        expect![[r#"
        error: expected syntax: --size <number>
        [exit code 1]
    "#]],
    );
    check(
        "dominfo --domain test --domain test",
        expect![[r#"
        error: option --domain already seen
        [exit code 1]
    "#]],
    );
    check(
        "domstate --reason=x test",
        expect![[r#"
        error: invalid '=' after option --reason
        [exit code 1]
    "#]],
    );
    check(
        "domstate ''",
        expect![[r#"
        error: Failed to get option 'domain': Option argument is empty

        [exit code 1]
    "#]],
    );
    check(
        "help nothing",
        expect![[r#"
        error: command or command group 'nothing' doesn't exist

        [exit code 1]
    "#]],
    );
    check_words(
        &["--bad"],
        expect![[r#"
        error: unsupported option '--bad'. See --help.
        [exit code 1]
    "#]],
    );
    check_words(
        &["-c"],
        expect![[r#"
        error: option '-c'/'--connect' requires an argument
        [exit code 1]
    "#]],
    );
    check_words(
        &["-e", "abc", "uri"],
        expect![[r#"
        error: Invalid string 'abc' for escape sequence
        [exit code 1]
    "#]],
    );
    check_words(
        &["--format", "xml", "uri"],
        expect![[r#"
        error: Unknown format 'xml', expecting 'plain', 'table', 'json', 'yaml', or 'csv'
        [exit code 1]
    "#]],
    );
    check_words(
        &["--timeout", "soon", "uri"],
        expect![[r#"
        error: Numeric value 'soon' for <--timeout> option is malformed or out of range
        hint: give a number of seconds, or 0 for no deadline
        [exit code 1]
    "#]],
    );
}

#[test]
fn every_option_with_a_value_has_a_position() {
    let forms = [
        "test 2",
        "--domain test 2",
        "--domain=test --count=2",
        "test --count 2",
        "--count 2 test",
        "-- test 2",
    ];
    for form in forms {
        check(
            &format!("setvcpus {form}; vcpucount test --live"),
            expect![[r#"

            2

        "#]],
        );
    }
}

#[test]
fn debugging_shows_how_a_line_was_read() {
    check_words(
        &["-d0", "domstate --reason test"],
        expect![[r#"
        commands: "domstate --reason test"
        domstate: reason(bool): (none)
        domstate: domain(optdata): test
        domstate: found option <domain>: test
        domstate: <domain> trying as domain NAME
        running (unknown)

    "#]],
    );
}

/// As `check`, with a bar before each line: pages begin with blanks, which would pass for the literal's indentation.
fn check_page(commands: &str, expected: Expect) {
    let output = Virtsh::new().output([commands]);
    expected.assert_eq(&output.lines().map(|line| format!("|{line}\n")).collect::<String>());
}

#[test]
fn help_has_virshs_pages() {
    check_page(
        "help monitor",
        expect![[r#"
            | Domain Monitoring (help keyword 'monitor'):
            |    domifstat                      get network interface stats for a domain
            |    dominfo                        domain information
            |    domstate                       domain state
            |    domstats                       get statistics about one or multiple domains
            |    list                           list domains
            |
        "#]],
    );
    check_page(
        "help undefine",
        expect![[r#"
            |  NAME
            |    undefine - undefine a domain
            |
            |  SYNOPSIS
            |    undefine <domain> [--managed-save] [--snapshots-metadata] [--checkpoints-metadata] [--nvram] [--keep-nvram] [--tpm] [--keep-tpm]
            |
            |  DESCRIPTION
            |    Undefine an inactive domain, or convert persistent to transient.
            |
            |  OPTIONS
            |    [--domain] <string>  domain name, id or uuid
            |    --managed-save   remove domain managed state file
            |    --snapshots-metadata  remove all domain snapshot metadata (vm must be inactive)
            |    --checkpoints-metadata  remove all domain checkpoint metadata (vm must be inactive)
            |    --nvram          remove nvram file
            |    --keep-nvram     keep nvram file
            |    --tpm            remove TPM state
            |    --keep-tpm       keep TPM state
            |
        "#]],
    );
    check_page(
        "shutdown --help",
        expect![[r#"
            |  NAME
            |    shutdown - gracefully shutdown a domain
            |
            |  SYNOPSIS
            |    shutdown <domain> [<mode>]
            |
            |  DESCRIPTION
            |    Run shutdown in the target domain.
            |
            |  OPTIONS
            |    [--domain] <string>  domain name, id or uuid
            |    [--mode] <string>  shutdown mode: acpi|agent|initctl|signal|paravirt
            |
        "#]],
    );
    check_page(
        "help echo",
        expect![[r#"
            |  NAME
            |    echo - echo arguments. Used for internal testing.
            |
            |  SYNOPSIS
            |    echo [--shell] [--xml] [--split] [--err] [--prefix <string>] [<string>]...
            |
            |  DESCRIPTION
            |    Echo back arguments, possibly with quoting. Used for internal testing.
            |
            |  OPTIONS
            |    --shell          escape for shell use
            |    --xml            escape for XML use
            |    --split          split each argument on ','; ',,' is an escape sequence
            |    --err            output to stderr
            |    --prefix <string>  prefix the message
            |    [--string] <string>...  arguments to echo
            |
        "#]],
    );
}

#[test]
fn a_connection_that_cannot_be_opened_says_why() {
    let virtsh = Virtsh::new();
    let output = virtsh.output(["-c", "nope:///x", "list"]);
    expect![[r#"
        error: failed to connect to the hypervisor
        error: no connection driver available for nope:///x

        [exit code 1]"#]]
    .assert_eq(
        output.lines().filter(|line| !line.starts_with("hint:")).collect::<Vec<_>>().join("\n").as_str(),
    );
}

#[test]
fn a_uri_that_is_none_says_what_is_missing() {
    check_words(
        &["-c", "elsewhere", "list"],
        expect![[r#"
        error: failed to connect to the hypervisor
        error: no connection driver available for URI 'elsewhere' does not include a driver name
        hint: a URI looks like qemu:///system or test:///default

        [exit code 1]
    "#]],
    );
    check_words(
        &["-q", "-c", "qemu://system", "list"],
        expect![[r#"
        error: failed to connect to the hypervisor
        error: internal error: invalid URI qemu://system (maybe you want qemu:///system)
        [exit code 1]
    "#]],
    );
}

#[test]
fn the_default_uri_is_the_environments() {
    let virtsh = Virtsh::new();
    let host = virtsh.file("host.xml", "<node><domain file='none.xml'/></node>");
    virtsh.file(
        "none.xml",
        "<domain type='test'><name>mine</name><memory>1</memory><os><type>hvm</type></os></domain>",
    );
    // Ours goes before libvirt's.
    let ours = format!("test://{}", host.display());
    let output = virtsh.command(["list", "--all", "--name"]).env("VIRT_DEFAULT_URI", ours).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "mine\n\n");
    let output = virtsh.command(["list", "--all", "--name"]).env("VIRT_DEFAULT_URI", "").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "test\n\n");
}

#[test]
fn read_only_connections_only_read() {
    check_words(
        &["-r", "list; suspend test"],
        expect![[r#"
         Id   Name   State
        ----------------------
         1    test   running

        error: Failed to suspend domain 'test'
        error: operation forbidden: read only access prevents virDomainSuspend
        hint: open the connection without read-only to change things

        [exit code 1]
    "#]],
    );
    check(
        "connect test:///default --readonly; suspend test; connect; suspend test",
        expect![[r#"

        error: Failed to suspend domain 'test'
        error: operation forbidden: read only access prevents virDomainSuspend
        hint: open the connection without read-only to change things


        Domain 'test' suspended

    "#]],
    );
}

#[test]
fn quiet_leaves_out_what_is_only_for_people() {
    check_words(
        &["-q", "list; suspend test; domstate test; desc test"],
        expect![[r#"
         1   test   running
        paused
    "#]],
    );
}

#[test]
fn events_are_waited_for() {
    check(
        "event --event lifecycle --timeout 1",
        expect![[r#"
        event loop timed out
        events received: 0

        [exit code 1]
    "#]],
    );
    check(
        "event --event nothing",
        expect![[r#"
        error: unknown event type nothing

        [exit code 1]
    "#]],
    );
    check(
        "event",
        expect![[r#"
        error: one of --list, --all, or --event <type> is required

        [exit code 1]
    "#]],
    );
    check(
        "event --all --timeout 2147484",
        expect![[r#"
        error: Numeric value '2147484' for <timeout> option is malformed or out of range

        [exit code 1]
    "#]],
    );
}

#[test]
fn the_directory_can_be_changed() {
    check(
        "cd /; pwd; cd /nowhere",
        expect![[r#"

        /

        error: cd: No such file or directory: /nowhere

        [exit code 1]
    "#]],
    );
}

#[test]
fn exit_codes_are_virshs_or_tell_failures_apart() {
    let codes = |arguments: &[&str]| {
        let virtsh = Virtsh::new();
        let run = |detailed: bool| {
            let options = detailed.then_some("--exit-codes").into_iter();
            let output = virtsh.command(options.chain(arguments.iter().copied())).output();
            output.unwrap().status.code().unwrap()
        };
        format!("{:<40} {} {}\n", arguments.join(" "), run(false), run(true))
    };
    let commands: [&[&str]; 9] = [
        &["uri"],
        &["start test; uri"],
        &["bogus"],
        &["dominfo nobody"],
        &["-c", "nope:///", "list"],
        &["-r", "destroy test"],
        &["-c", "test:///default?fault=virDomainReset,code=3", "reset", "test"],
        &["setmem test 99999999"],
        &["start test"],
    ];
    expect![[r#"
        uri                                      0 0
        start test; uri                          0 0
        bogus                                    1 2
        dominfo nobody                           1 3
        -c nope:/// list                         1 4
        -r destroy test                          1 5
        -c test:///default?fault=virDomainReset,code=3 reset test 1 6
        setmem test 99999999                     1 8
        start test                               1 9
    "#]]
    .assert_eq(&commands.iter().map(|words| codes(words)).collect::<String>());
}

#[test]
fn a_plan_does_nothing() {
    check(
        "plan test",
        expect![[r#"
        error: Failed to plan the start of domain 'test'
        error: internal error: Domain 'test' is already running

        [exit code 1]
    "#]],
    );
    check(
        "destroy test; plan test --paused; domstate test",
        expect![[r#"
        Domain 'test' destroyed

        Driver:
          test

        Domain:
          name: test
          uuid: 6695eb01-f6a4-8304-79aa-97f2502e193f

        Steps:
          1. give the guest the next number of the host
          2. show the guest's interface as 'testnet0'
          3. let the guest 'test' be running
          4. stop its CPUs

        shut off

    "#]],
    );
    check(
        "plan",
        expect![[r#"
        error: need either domain or domain XML

        [exit code 1]
    "#]],
    );
    check(
        "plan test --xml web.xml",
        expect![[r#"
        error: Options --domain and --xml are mutually exclusive

        [exit code 1]
    "#]],
    );
}

#[test]
fn drivers_are_shown_with_what_they_can_do() {
    let virtsh = Virtsh::new();
    let output = virtsh.output(["drivers test"]);
    let lines = output.lines().filter(|line| !line.starts_with("Capabilities:"));
    let text = lines.map(|line| format!("{line}\n")).collect::<String>();
    expect![[r#"
        Name:          test
        Description:   Simulated guests
        File:          PLUGINS/libvirt_driver_test_plugin.so
        State:         usable
        Version:       0.1.0
        ABI:           1.0.0
        Roles:         hypervisor, alone
        URIs:          test:///

    "#]]
    .assert_eq(&text.replace(support::plugins().to_str().unwrap(), "PLUGINS"));
    assert!(output.contains("\nCapabilities:  Domains, Lifecycle, "), "{output}");
    check(
        "drivers nobody",
        expect![[r#"
        error: no driver 'nobody' was found
        hint: virtsh drivers lists those that were

        [exit code 1]
    "#]],
    );
}

#[test]
fn a_refused_driver_says_why() {
    let virtsh = Virtsh::new();
    let directory = virtsh.directory().join("plugins");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("broken.so"), "no ELF").unwrap();
    let output = virtsh.command(["drivers"]).env("VIRT_DRIVER_DIR", &directory).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().replace(virtsh.directory().to_str().unwrap(), "DIR");
    let (first, _) = text.split_once("\n\n").unwrap();
    expect![[r#"
        File:          DIR/plugins/broken.so
        State:         refused
        Refused:       operation failed: cannot load driver plugin 'DIR/plugins/broken.so': it is not a 64-bit ELF file: Invalid ELF header size or alignment"#]].assert_eq(first);
}

#[test]
fn a_deadline_ends_a_call() {
    check_words(
        &["--timeout", "0.000000001", "list"],
        expect![[r#"
        error: Failed to list domains
        error: Timed out during operation: the deadline of this call has passed
        hint: virtsh --timeout SECONDS gives it longer

        [exit code 1]
    "#]],
    );
}
