#pragma version 0.4.3
#pragma evm-version cancun
"""
@title AuctionSale
@license MIT
@notice
    This contract sells the lots of auctions that are held elsewhere. The operator offers a token to a named wallet at
    a price; anybody may pay; the token is made for the named wallet by the payment. The tokens are ERC-721.

    The contract holds no auction and gives nothing back: a payment that is not exactly right reverts. An offer that was
    sold or revoked never sells again.

    The contract has not been audited.
@dev
    Every event of its own has `n` as the first word of its data; the contract counts them from 1 without a gap, so that
    a reader knows when it has missed one. An auction's id is here the Keccak-256 of its UTF-8 bytes.

    There are no immutables, so the code on the chain is the artifact's runtime code, byte for byte.
"""


struct Offer:
    auction: bytes32
    token_id: uint256
    to: address
    price: uint256  # wei
    deadline: uint256  # unix seconds; the last second in which the offer sells
    state: uint256


# The states of an offer; 0 is that of a number without an offer.
OPEN: constant(uint256) = 1
SOLD: constant(uint256) = 2
REVOKED: constant(uint256) = 3

# No offer is open for longer. The limit also refuses a deadline that was given in milliseconds.
LONGEST_OFFER: constant(uint256) = 90 * 24 * 60 * 60  # seconds

# The selector of onERC721Received, which a receiver answers.
TOKEN_RECEIVED: constant(bytes4) = 0x150b7a02

# Interfaces, as ERC-165 numbers them.
ERC165_ID: constant(bytes4) = 0x01ffc9a7
ERC721_ID: constant(bytes4) = 0x80ac58cd
ERC721_METADATA_ID: constant(bytes4) = 0x5b5e139f


interface Receiver:
    def onERC721Received(operator: address, sender: address, token_id: uint256, data: Bytes[1024]) -> bytes4: nonpayable


event Offered:
    auction: indexed(bytes32)
    token_id: indexed(uint256)
    n: uint256
    offer: uint256
    to: address
    price: uint256
    deadline: uint256


event Revoked:
    auction: indexed(bytes32)
    token_id: indexed(uint256)
    n: uint256
    offer: uint256


event Sold:
    auction: indexed(bytes32)
    token_id: indexed(uint256)
    n: uint256
    offer: uint256
    to: address
    payer: address
    price: uint256


event Withdrawn:
    n: uint256
    to: address
    amount: uint256


event OperatorChanged:
    n: uint256
    operator: address


event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    token_id: indexed(uint256)


event Approval:
    owner: indexed(address)
    approved: indexed(address)
    token_id: indexed(uint256)


event ApprovalForAll:
    owner: indexed(address)
    operator: indexed(address)
    approved: bool


owner: public(address)
operator: public(address)
count: public(uint256)  # the `n` of the last event
offer_count: public(uint256)  # the number of the last offer
offers: public(HashMap[uint256, Offer])
last_offer: public(HashMap[bytes32, uint256])  # by auction
_last_offer_of_token: HashMap[uint256, uint256]

name: public(String[64])
symbol: public(String[16])
_base_uri: String[256]
_token_owner: HashMap[uint256, address]
_balance: HashMap[address, uint256]
_approved: HashMap[uint256, address]
isApprovedForAll: public(HashMap[address, HashMap[address, bool]])


@deploy
def __init__(owner: address, operator: address, name: String[64], symbol: String[16], base_uri: String[256]):
    """
    @notice The owner takes the money and can never be changed; the operator makes and revokes offers.
    """
    assert owner != empty(address), "owner is nobody"
    self.owner = owner
    self.name = name
    self.symbol = symbol
    self._base_uri = base_uri
    self._set_operator(operator)


# ---- the sale


@external
def offer(auction: bytes32, token_id: uint256, to: address, price: uint256, deadline: uint256) -> uint256:
    """
    @notice Offers the lot of an auction to a wallet at a price (wei) until a time (unix seconds).
    @return The number of the offer. Offers are numbered from 1.
    """
    assert msg.sender == self.operator, "only the operator"
    assert not self._is_sold(auction), "auction is sold"
    assert not self._is_open(self.last_offer[auction]), "auction has an open offer"
    assert self._token_owner[token_id] == empty(address), "token exists"
    assert not self._is_open(self._last_offer_of_token[token_id]), "token has an open offer"
    assert to != empty(address) and to != self, "wallet cannot own the token"
    assert price > 0, "price is zero"
    assert deadline > block.timestamp, "deadline has passed"
    assert deadline <= block.timestamp + LONGEST_OFFER, "deadline is too far away"
    self.offer_count += 1
    number: uint256 = self.offer_count
    self.offers[number] = Offer(
        auction=auction, token_id=token_id, to=to, price=price, deadline=deadline, state=OPEN
    )
    self.last_offer[auction] = number
    self._last_offer_of_token[token_id] = number
    log Offered(
        auction=auction, token_id=token_id, n=self._next(), offer=number, to=to, price=price, deadline=deadline
    )
    return number


@external
@payable
def purchase(offer: uint256):
    """
    @notice Pays for an open offer. Anybody may pay; the token goes to the wallet that the offer names.
    """
    its: Offer = self.offers[offer]
    assert its.state == OPEN, "offer is not open"
    assert block.timestamp <= its.deadline, "offer has expired"
    assert msg.value == its.price, "price must be exact"
    self.offers[offer].state = SOLD
    self._move(empty(address), its.to, its.token_id)
    log Sold(
        auction=its.auction,
        token_id=its.token_id,
        n=self._next(),
        offer=offer,
        to=its.to,
        payer=msg.sender,
        price=its.price,
    )


@external
def revoke(offer: uint256):
    """
    @notice Closes an open offer: the operator at any time, anybody after the deadline.
    """
    its: Offer = self.offers[offer]
    assert its.state == OPEN, "offer is not open"
    assert msg.sender == self.operator or block.timestamp > its.deadline, "only the operator before the deadline"
    self.offers[offer].state = REVOKED
    log Revoked(auction=its.auction, token_id=its.token_id, n=self._next(), offer=offer)


@external
def withdraw(to: address):
    """
    @notice Sends the whole balance (wei) to an address of the owner's choice.
    """
    assert msg.sender == self.owner, "only the owner"
    assert to != empty(address), "receiver is nobody"
    amount: uint256 = self.balance
    assert amount > 0, "nothing to withdraw"
    log Withdrawn(n=self._next(), to=to, amount=amount)
    assert raw_call(to, b"", value=amount, revert_on_failure=False), "receiver refused the money"


@external
def set_operator(operator: address):
    """
    @notice Names another operator. With the zero address nobody can make offers.
    """
    assert msg.sender == self.owner, "only the owner"
    self._set_operator(operator)


@external
@view
def sold(auction: bytes32) -> bool:
    """
    @notice Whether the lot of this auction was paid for.
    """
    return self._is_sold(auction)


@internal
def _set_operator(operator: address):
    assert operator != self.owner, "operator is the owner"
    self.operator = operator
    log OperatorChanged(n=self._next(), operator=operator)


@internal
@view
def _is_open(offer: uint256) -> bool:
    return self.offers[offer].state == OPEN


@internal
@view
def _is_sold(auction: bytes32) -> bool:
    return self.offers[self.last_offer[auction]].state == SOLD


@internal
def _next() -> uint256:
    self.count += 1
    return self.count


# ---- ERC-721


@external
def transferFrom(sender: address, receiver: address, token_id: uint256):
    """
    @notice Moves a token, for its owner or somebody whom the owner approved, without asking the receiver.
    """
    self._transfer(sender, receiver, token_id)


@external
def safeTransferFrom(sender: address, receiver: address, token_id: uint256, data: Bytes[1024] = b""):
    """
    @notice Moves a token; a receiver that is a contract must say that it can handle tokens.
    """
    self._transfer(sender, receiver, token_id)
    if receiver.is_contract:
        answer: bytes4 = extcall Receiver(receiver).onERC721Received(msg.sender, sender, token_id, data)
        assert answer == TOKEN_RECEIVED, "receiver refused the token"


@external
def approve(approved: address, token_id: uint256):
    """
    @notice Lets one more address move a token; the zero address takes that back.
    """
    owner: address = self._owner_of(token_id)
    assert msg.sender == owner or self.isApprovedForAll[owner][msg.sender], "only the token's owner"
    self._approved[token_id] = approved
    log Approval(owner=owner, approved=approved, token_id=token_id)


@external
def setApprovalForAll(operator: address, approved: bool):
    """
    @notice Lets an address move all tokens of the caller, or no longer.
    """
    self.isApprovedForAll[msg.sender][operator] = approved
    log ApprovalForAll(owner=msg.sender, operator=operator, approved=approved)


@external
@view
def balanceOf(owner: address) -> uint256:
    """
    @notice The number of tokens of an owner.
    """
    assert owner != empty(address), "owner is nobody"
    return self._balance[owner]


@external
@view
def ownerOf(token_id: uint256) -> address:
    """
    @notice The owner of a token.
    """
    return self._owner_of(token_id)


@external
@view
def getApproved(token_id: uint256) -> address:
    """
    @notice The address that may move the token beside its owner; zero for nobody.
    """
    self._owner_of(token_id)
    return self._approved[token_id]


@external
@view
def tokenURI(token_id: uint256) -> String[334]:
    """
    @notice The address of the token's metadata: the base that was set at deployment, and the number of the token.
    """
    self._owner_of(token_id)
    return concat(self._base_uri, uint2str(token_id))


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice Whether the contract has this interface (ERC-165).
    """
    return interface_id in [ERC165_ID, ERC721_ID, ERC721_METADATA_ID]


@internal
@view
def _owner_of(token_id: uint256) -> address:
    owner: address = self._token_owner[token_id]
    assert owner != empty(address), "token does not exist"
    return owner


@internal
def _transfer(sender: address, receiver: address, token_id: uint256):
    owner: address = self._owner_of(token_id)
    assert sender == owner, "sender does not own the token"
    assert (
        msg.sender == owner or self._approved[token_id] == msg.sender or self.isApprovedForAll[owner][msg.sender]
    ), "caller may not move the token"
    assert receiver != empty(address), "receiver is nobody"
    self._approved[token_id] = empty(address)
    self._balance[owner] -= 1
    self._move(owner, receiver, token_id)


@internal
def _move(sender: address, receiver: address, token_id: uint256):
    self._token_owner[token_id] = receiver
    self._balance[receiver] += 1
    log Transfer(sender=sender, receiver=receiver, token_id=token_id)
