#!/bin/bash
# Shows how far the preparation of this scenario is, and always ends: when it is done, when it has failed, when it was
# killed, or when it takes too long.
set -u

state=/run/pgedge-bootstrap
program=/usr/local/bin/pgedge-bootstrap
again="bash /opt/pgedge/prepare.sh"

# Seconds.
to_begin=120
to_bring=1500
to_prepare=20m

read_state() {
  cat "$state/$1" 2> /dev/null
}

# Whoever prepares holds the lock: it is the kernel's, and gone with its holder.
is_at_work() {
  ! flock --shared --nonblock "$state/lock" true 2> /dev/null
}

give_up() {
  printf '\nThe preparation %s.\nThis continues where it was:\n\n    %s\n\n' "$1" "$again"
  exit 1
}

good() {
  printf '\nEverything is prepared. Go on with the text beside this terminal.\n\n'
  exit 0
}

main() {
  local told="" now result
  # The line that started this is long and nobody's business.
  printf "\033[H\033[2J"
  echo "This machine is being prepared: it gets the operators that pgEdge needs."
  SECONDS=0
  while :; do
    now=$(read_state phase)
    result=$(read_state result)
    case $result in
      # The program itself tells the rest, and better.
      done | "failed: pgedge-bootstrap --killercoda"*) break ;;
      failed:*) give_up "has failed: ${result#failed: }" ;;
    esac
    if [ -n "$now" ] && [ "$now" != "$told" ]; then
      [ "$now" = running ] && break
      printf '  %s\n' "$now"
      told=$now
    fi
    if [ -z "$now" ]; then
      ((SECONDS < to_begin)) || give_up "has not begun within $to_begin s"
    elif ! is_at_work && [ -z "$(read_state result)" ]; then
      give_up "was killed while it was at: $now"
    fi
    ((SECONDS < to_bring)) || give_up "takes longer than $to_bring s, and is still at: $now"
    sleep 0.2
  done
  if "$program" wait --appear 30s --deadline "$to_prepare"; then
    good
  fi
  give_up "has failed, or was killed: the reason is above"
}

main
