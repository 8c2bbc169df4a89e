# Completion of virtsh for fish: virtsh completion fish | source

function __virtsh_complete
    set -l tokens (commandline -opc) (commandline -ct)
    set -l program $tokens[1]
    set -l rest $tokens[2..-1]
    set -l globals
    while test (count $rest) -gt 1
        switch $rest[1]
            case -c --connect
                set -a globals -c $rest[2]
                set rest $rest[3..-1]
            case '--connect=*'
                set -a globals $rest[1]
                set rest $rest[2..-1]
            case -d -e -k -K -l --debug --escape --log --format --timeout
                set rest $rest[3..-1]
            case '-*'
                set rest $rest[2..-1]
            case '*'
                break
        end
    end
    $program -q $globals complete --eager -- $rest 2>/dev/null
end

function __virtsh_wants_globals
    set -l tokens (commandline -opc)
    for token in $tokens[2..-1]
        string match -q -- '-*' $token; or return 1
    end
    string match -q -- '-*' (commandline -ct)
end

complete -c virtsh -f -n 'not __virtsh_wants_globals' -a '(__virtsh_complete)'
complete -c virtsh -n __virtsh_wants_globals -s c -l connect -x -d 'hypervisor connection URI'
complete -c virtsh -n __virtsh_wants_globals -s r -l readonly -d 'connect readonly'
complete -c virtsh -n __virtsh_wants_globals -s q -l quiet -d 'quiet mode'
complete -c virtsh -n __virtsh_wants_globals -s t -l timing -d 'print timing information'
complete -c virtsh -n __virtsh_wants_globals -l format -x -a 'plain table json yaml csv' -d 'output format'
complete -c virtsh -n __virtsh_wants_globals -l timeout -x -d 'seconds a call may take'
complete -c virtsh -n __virtsh_wants_globals -l exit-codes -d 'tell failures apart by exit code'
complete -c virtsh -n __virtsh_wants_globals -s l -l log -r -d 'output logging to file'
complete -c virtsh -n __virtsh_wants_globals -s d -l debug -x -a '0 1 2 3 4' -d 'debug level'
complete -c virtsh -n __virtsh_wants_globals -s e -l escape -x -d 'escape sequence for console'
complete -c virtsh -n __virtsh_wants_globals -s h -l help -d 'help'
complete -c virtsh -n __virtsh_wants_globals -s v -d 'short version'
complete -c virtsh -n __virtsh_wants_globals -s V -d 'long version'
