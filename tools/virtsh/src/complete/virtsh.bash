# Completion of virtsh for bash: eval "$(virtsh completion bash)"

_virtsh() {
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}") globals=() word
    # bash splits words at ':' and '='; a URI and --option=value are put together again.
    local joined=() join=
    for word in "${words[@]}"; do
        if [[ $word == [:=]* || -n $join ]]; then
            joined[${#joined[@]}-1]+=$word
            join=
            [[ $word == : || $word == = ]] && join=1
        else
            joined+=("$word")
        fi
    done
    words=("${joined[@]}")
    while ((${#words[@]} > 1)); do
        case ${words[0]} in
        -c | -d | -e | -k | -K | -l | --connect | --debug | --escape | --log | --format | --timeout | --keepalive-*[!=])
            case ${words[0]} in
            -c | --connect) globals+=(-c "${words[1]}") ;;
            esac
            words=("${words[@]:2}")
            ;;
        --connect=*) globals+=("${words[0]}"); words=("${words[@]:1}") ;;
        -*) words=("${words[@]:1}") ;;
        *) break ;;
        esac
    done
    local last=${words[${#words[@]} - 1]} strip=
    if ((${#words[@]} == 1)) && [[ $last == -* ]]; then
        COMPREPLY=($(compgen -W "-c --connect -r --readonly -q --quiet -t --timing --format --timeout --exit-codes -l --log -d --debug -e --escape -h --help -v -V --version" -- "$last"))
        return
    fi
    local IFS=$'\n'
    COMPREPLY=($("${COMP_WORDS[0]}" -q "${globals[@]}" complete --eager -- "${words[@]}" 2>/dev/null))
    ((${#COMPREPLY[@]})) || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
    # What stands before the last ':' or '=' is on the line already.
    strip=${last%"${COMP_WORDS[COMP_CWORD]}"}
    [[ -n $strip && $last != "$strip" ]] && COMPREPLY=("${COMPREPLY[@]#"$strip"}")
}
complete -F _virtsh virtsh
