"""Which effect performs which action of a step: the whole list, in plain sight."""

from tasks.charges import charge
from tasks.closing import close
from tasks.messages import mail, sms
from tasks.refund_telling import tell
from tasks.tickets import follow_up, hand_over, person

ACTIONS = {
    "charge": charge,
    "mail": mail,
    "sms": sms,
    "tell": tell,
    "hand_over": hand_over,
    "follow_up": follow_up,
    "person": person,
    "close": close,
}
