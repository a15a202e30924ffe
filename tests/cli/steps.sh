# What a .test is written with (README.md). Sourced by run.sh, in the test's own folder.

rmseg() { "$RMSEG" "$@"; }

# say COMMAND ...: prints the command as it would be typed
say() {
    printf '$'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./,=+:%@-]* | '') printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
}

# run COMMAND ...: prints the command, its stdout, its stderr behind "! ", and its exit code where it is not 0
run() {
    say "$@"
    "$@" >.stdout 2>.stderr
    code=$?
    cat .stdout
    sed 's/^/! /' .stderr
    [ $code = 0 ] || echo "[exit $code]"
    rm -f .stdout .stderr
}

# quietly COMMAND ...: a step that prepares; says something only when it fails
quietly() {
    "$@" >.stdout 2>.stderr || { say "$@"; cat .stdout .stderr; echo "[could not prepare]"; }
    rm -f .stdout .stderr
}

# phantoms FOLDER [OPTION ...]: a few small cases
phantoms() {
    folder=$1
    shift
    quietly rmseg phantoms --out "$folder" --count 4 --size 16 "$@"
}

# train RUN [OPTION ...]: a training of a moment
train() {
    out=$1
    shift
    quietly rmseg train --out "$out" --depth 1 --width 2 --batch 2 --iterations 2 --quiet "$@"
}

# as_anyone COMMAND ...: without the rights of root, who may write everywhere
as_anyone() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

# skip SENTENCE: this machine cannot run the test
skip() {
    echo "skipped: $1"
    exit 77
}
