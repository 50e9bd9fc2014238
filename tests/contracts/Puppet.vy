#pragma version 0.4.3
#pragma evm-version cancun
"""
@notice
    A contract that does as it is told: it forwards calls with their ETH, as the account of a smart wallet does. When it
    is given ETH or a token, it makes a call that it was given before, as an attacker does.
"""


struct Told:
    operator: address
    sender: address
    token_id: uint256
    data: Bytes[1024]


target: address
data: Bytes[1024]
value: uint256
answer: bytes4
is_bound: bool
is_deaf: bool
reached: public(uint256)  # calls back that succeeded
refused: public(uint256)  # calls back that reverted
was_told: public(Told)  # with the last token


@external
@payable
def act(target: address, data: Bytes[1024]):
    raw_call(target, data, value=msg.value)


@external
@payable
def when_called(target: address, data: Bytes[1024], answer: bytes4, is_deaf: bool):
    self.target = target
    self.data = data
    self.value = msg.value
    self.answer = answer
    self.is_deaf = is_deaf


@external
@payable
def __default__():
    self._call_back()
    assert not self.is_deaf


@external
def onERC721Received(operator: address, sender: address, token_id: uint256, data: Bytes[1024]) -> bytes4:
    self.was_told = Told(operator=operator, sender=sender, token_id=token_id, data=data)
    self._call_back()
    assert not self.is_deaf
    return self.answer


@internal
def _call_back():
    if self.target != empty(address) and not self.is_bound:
        self.is_bound = True
        if raw_call(self.target, self.data, value=self.value, revert_on_failure=False):
            self.reached += 1
        else:
            self.refused += 1
