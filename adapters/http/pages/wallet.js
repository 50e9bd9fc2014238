// The wallets of this browser (EIP-1193, found by EIP-6963), and what they are asked. What fails becomes a sentence that
// says what is and what to do.

import { plain } from "/common.js";

const OFFERS = "0x8a72ea6a"; // offers(uint256): auction, token_id, to, price, deadline, state
const NONE = 0n;
const SOLD = 2n;
const REVOKED = 3n;
const REFUSED = 4001;
const BUSY = -32002;
const UNKNOWN_CHAIN = 4902;

const announced = new Map();
addEventListener("eip6963:announceProvider", ({ detail: { info, provider } }) => announced.set(info.rdns, { name: info.name, provider }));
dispatchEvent(new Event("eip6963:requestProvider"));

export function wallets() {
  if (announced.size) return [...announced.values()];
  return window.ethereum ? [{ name: "", provider: window.ethereum }] : [];
}

const hex = (number) => `0x${BigInt(number).toString(16)}`;
const asking = ({ provider }) => (method, ...params) => provider.request({ method, params });

// Asks the wallet to pay, and returns the transaction's hash. Throws an Error whose message is for the payer.
export async function pay(wallet, { chain, contract, offer, payment }) {
  const ask = asking(wallet);
  const [from] = await told(ask("eth_requestAccounts"), chain,
    "The wallet is not connected, and nothing was sent. Press the button again and let the wallet connect.");
  await told(useChain(ask, chain), chain,
    `Your wallet is on another chain, and nothing was sent. Press the button again and let it change to ${chain.name}.`);
  const closed = await whyClosed(wallet, contract, offer);
  if (closed) throw new Error(closed);
  const transaction = { from, to: payment.to, value: hex(payment.value_wei), data: payment.data, chainId: hex(chain.id) };
  return told(ask("eth_sendTransaction", transaction), chain,
    "You did not sign, and nothing was sent. Press the button again to pay.");
}

async function useChain(ask, chain) {
  const chainId = hex(chain.id);
  const isThere = async () => BigInt(await ask("eth_chainId")) === BigInt(chain.id);
  if (await isThere()) return;
  const change = () => ask("wallet_switchEthereumChain", { chainId });
  try {
    await change();
  } catch (fault) {
    if (codeOf(fault) !== UNKNOWN_CHAIN || !chain.rpc_url) throw fault;
    const nativeCurrency = { name: "Ether", symbol: "ETH", decimals: 18 };
    await ask("wallet_addEthereumChain", { chainId, chainName: chain.name, nativeCurrency,
      rpcUrls: [chain.rpc_url], blockExplorerUrls: [chain.explorer_url] });
    if (!await isThere()) await change(); // not every wallet changes to what it adds
  }
  if (!await isThere()) throw Object.assign(new Error(), { code: REFUSED });
}

// Some wallets wrap the code of a fault into another one.
const codeOf = (fault) => fault?.data?.originalError?.code ?? fault?.code;

async function told(answer, chain, refused) {
  try {
    return await answer;
  } catch (fault) {
    const code = codeOf(fault);
    const message = plain(String(fault?.message || fault)).slice(0, 200);
    if (code === REFUSED) throw new Error(refused);
    if (code === BUSY) throw new Error("Your wallet is asking you something already. Open it and answer there.");
    if (code === UNKNOWN_CHAIN) throw new Error(`Your wallet does not know ${chain.name}. Add it there, or pay from another wallet.`);
    if (/insufficient funds/i.test(message)) {
      throw new Error(`This account has too little ETH on ${chain.name}. It needs the price and a small fee there.`);
    }
    throw new Error(`Your wallet says: “${message}”. Look there whether anything was sent before you try again.`);
  }
}

// Why the offer sells no more, as the wallet's own node sees it; empty while it does, or where that node cannot say.
export async function whyClosed(wallet, contract, offer) {
  const ask = asking(wallet);
  try {
    const data = OFFERS + BigInt(offer).toString(16).padStart(64, "0");
    const words = (await ask("eth_call", { to: contract, data }, "latest")).slice(2).match(/.{64}/g);
    const [deadline, state] = words.slice(4).map((word) => BigInt(`0x${word}`));
    if (state === NONE) return "Your wallet has not heard of this offer yet. Wait a minute, then press the button again.";
    if (state === SOLD) return "Somebody has paid for this lot already. Nothing is left to do.";
    if (state === REVOKED) return "This offer was taken back. Please do not pay, and look here for what comes next.";
    const block = await ask("eth_getBlockByNumber", "latest", false);
    return BigInt(block.timestamp) > deadline ? "The time of this offer is over. Please do not pay any more." : "";
  } catch {
    return "";
  }
}

// Whether the transaction is in a block: true, false where it was reverted there, null where no wallet knows.
export async function isMined(hash) {
  for (const wallet of wallets()) {
    const receipt = await asking(wallet)("eth_getTransactionReceipt", hash).catch(() => null);
    if (receipt) return BigInt(receipt.status) === 1n;
  }
  return null;
}
