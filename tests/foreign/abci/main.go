// Write and read the messages of ABCI 2.0, and evidence, with CometBFT's own types.
//
//	abci golden            one JSON object: every kind of request, and evidence, as the engine writes them
//	abci read              one line of hex each, a framed response: its kind, its fields, its bytes again
//	abci read-evidence     one line of hex each, tendermint.types.Evidence: its bytes again
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cosmos/gogoproto/jsonpb"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
)

const chainID = "test"

var (
	moment = time.Date(2026, 11, 22, 7, 33, 0, 123456789, time.UTC)
	whole  = time.Date(2026, 11, 22, 7, 33, 0, 0, time.UTC)
)

type proof struct {
	Name        string          `json:"name"`
	JSON        json.RawMessage `json:"json"`
	Bytes       string          `json:"bytes"`
	Bare        string          `json:"bare"`
	Misbehavior []string        `json:"misbehavior"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func key(n byte) ed25519.PrivKey { return ed25519.GenPrivKeyFromSecret([]byte{n}) }

func framed(message *abci.Request) string {
	var out bytes.Buffer
	must(abci.WriteMessage(message, &out))
	return hex.EncodeToString(out.Bytes())
}

func requests() map[string]string {
	public := key(1).PubKey()
	updates := []abci.ValidatorUpdate{
		abci.UpdateValidator(public.Bytes(), 10, ed25519.KeyType),
		abci.UpdateValidator(key(2).PubKey().Bytes(), 1<<40, ed25519.KeyType),
	}
	params := types.DefaultConsensusParams().ToProto()
	misbehavior := []abci.Misbehavior{
		{
			Type:             abci.MisbehaviorType_DUPLICATE_VOTE,
			Validator:        abci.Validator{Address: fill(7, 20), Power: 10},
			Height:           41,
			Time:             moment,
			TotalVotingPower: 40,
		},
		{
			Type:             abci.MisbehaviorType_LIGHT_CLIENT_ATTACK,
			Validator:        abci.Validator{Address: fill(8, 20), Power: 9},
			Height:           40,
			Time:             whole,
			TotalVotingPower: 40,
		},
		{Type: abci.MisbehaviorType_UNKNOWN, Height: 39, Time: whole},
	}
	voted := abci.CommitInfo{Round: 2, Votes: []abci.VoteInfo{
		{Validator: abci.Validator{Address: fill(7, 20), Power: 10}, BlockIdFlag: cmtproto.BlockIDFlagCommit},
		{Validator: abci.Validator{Address: fill(8, 20), Power: 9}, BlockIdFlag: cmtproto.BlockIDFlagAbsent},
	}}
	extended := abci.ExtendedCommitInfo{Round: 1, Votes: []abci.ExtendedVoteInfo{
		{Validator: abci.Validator{Address: fill(7, 20), Power: 10}, BlockIdFlag: cmtproto.BlockIDFlagCommit},
	}}
	txs := [][]byte{[]byte("one"), {}, fill(0xff, 300)}
	snapshot := &abci.Snapshot{Height: 500, Format: 1, Chunks: 3, Hash: fill(1, 32), Metadata: []byte("parts")}
	made := map[string]*abci.Request{
		"echo":  abci.ToRequestEcho("hello 云"),
		"flush": abci.ToRequestFlush(),
		"info": abci.ToRequestInfo(&abci.RequestInfo{
			Version: "0.38.25", BlockVersion: 11, P2PVersion: 8, AbciVersion: "2.0.0",
		}),
		"query": abci.ToRequestQuery(&abci.RequestQuery{Data: []byte("key"), Path: "/state", Height: 5, Prove: true}),
		"init_chain": abci.ToRequestInitChain(&abci.RequestInitChain{
			Time: moment, ChainId: chainID, ConsensusParams: &params, Validators: updates,
			AppStateBytes: []byte(`{"genesis":"00"}`), InitialHeight: 1,
		}),
		"check_tx":       abci.ToRequestCheckTx(&abci.RequestCheckTx{Tx: []byte("one"), Type: abci.CheckTxType_New}),
		"check_tx_again": abci.ToRequestCheckTx(&abci.RequestCheckTx{Tx: []byte("one"), Type: abci.CheckTxType_Recheck}),
		"check_tx_empty": abci.ToRequestCheckTx(&abci.RequestCheckTx{}),
		"commit":         abci.ToRequestCommit(),
		"list_snapshots": abci.ToRequestListSnapshots(&abci.RequestListSnapshots{}),
		"offer_snapshot": abci.ToRequestOfferSnapshot(&abci.RequestOfferSnapshot{Snapshot: snapshot, AppHash: fill(9, 32)}),
		"load_chunk":     abci.ToRequestLoadSnapshotChunk(&abci.RequestLoadSnapshotChunk{Height: 500, Format: 1, Chunk: 2}),
		"apply_chunk":    abci.ToRequestApplySnapshotChunk(&abci.RequestApplySnapshotChunk{Index: 2, Chunk: fill(3, 200), Sender: "peer"}),
		"apply_first":    abci.ToRequestApplySnapshotChunk(&abci.RequestApplySnapshotChunk{Chunk: fill(3, 10), Sender: "peer"}),
		"prepare_proposal": abci.ToRequestPrepareProposal(&abci.RequestPrepareProposal{
			MaxTxBytes: 1 << 22, Txs: txs, LocalLastCommit: extended, Misbehavior: misbehavior, Height: 42,
			Time: moment, NextValidatorsHash: fill(4, 32), ProposerAddress: fill(5, 20),
		}),
		"process_proposal": abci.ToRequestProcessProposal(&abci.RequestProcessProposal{
			Txs: txs, ProposedLastCommit: voted, Misbehavior: misbehavior, Hash: fill(6, 32), Height: 42,
			Time: moment, NextValidatorsHash: fill(4, 32), ProposerAddress: fill(5, 20),
		}),
		"extend_vote": abci.ToRequestExtendVote(&abci.RequestExtendVote{
			Hash: fill(6, 32), Height: 42, Time: moment, Txs: txs, ProposedLastCommit: voted,
			Misbehavior: misbehavior, NextValidatorsHash: fill(4, 32), ProposerAddress: fill(5, 20),
		}),
		"verify_vote_extension": abci.ToRequestVerifyVoteExtension(&abci.RequestVerifyVoteExtension{
			Hash: fill(6, 32), ValidatorAddress: fill(7, 20), Height: 42,
		}),
		"verify_other_extension": abci.ToRequestVerifyVoteExtension(&abci.RequestVerifyVoteExtension{
			Hash: fill(6, 32), ValidatorAddress: fill(7, 20), Height: 42, VoteExtension: []byte("more"),
		}),
		"finalize_block": abci.ToRequestFinalizeBlock(&abci.RequestFinalizeBlock{
			Txs: txs, DecidedLastCommit: voted, Misbehavior: misbehavior, Hash: fill(6, 32), Height: 42,
			Time: moment, NextValidatorsHash: fill(4, 32), ProposerAddress: fill(5, 20),
		}),
		"finalize_empty": abci.ToRequestFinalizeBlock(&abci.RequestFinalizeBlock{
			Hash: fill(6, 32), Height: 1, Time: whole, NextValidatorsHash: fill(4, 32), ProposerAddress: fill(5, 20),
		}),
	}
	out := map[string]string{}
	for name, each := range made {
		out[name] = framed(each)
	}
	return out
}

func vote(private ed25519.PrivKey, block types.BlockID, index int32) *types.Vote {
	made := &types.Vote{
		Type: cmtproto.PrecommitType, Height: 41, Round: 1, BlockID: block, Timestamp: moment,
		ValidatorAddress: private.PubKey().Address(), ValidatorIndex: index,
	}
	signature, err := private.Sign(types.VoteSignBytes(chainID, made.ToProto()))
	must(err)
	made.Signature = signature
	return made
}

func blockID(b byte) types.BlockID {
	return types.BlockID{Hash: fill(b, 32), PartSetHeader: types.PartSetHeader{Total: 1, Hash: fill(b+1, 32)}}
}

func validators(powers ...int64) (*types.ValidatorSet, map[string]ed25519.PrivKey) {
	keys := map[string]ed25519.PrivKey{}
	var made []*types.Validator
	for n, power := range powers {
		private := key(byte(n + 1))
		keys[private.PubKey().Address().String()] = private
		made = append(made, types.NewValidator(private.PubKey(), power))
	}
	set := types.NewValidatorSet(made)
	set.IncrementProposerPriority(3)
	return set, keys
}

func duplicate(at time.Time) types.Evidence {
	set, keys := validators(10, 20, 30, 40)
	address, _ := set.GetByIndex(1)
	private := keys[types.Address(address).String()]
	one, two := vote(private, blockID(1), 1), vote(private, blockID(9), 1)
	made, err := types.NewDuplicateVoteEvidence(two, one, at, set)
	must(err)
	return made
}

func attack(byzantine int) types.Evidence {
	set, keys := validators(10, 20, 30, 40)
	header := &types.Header{
		Version: cmtversion.Consensus{Block: 11, App: 1}, ChainID: chainID, Height: 44, Time: moment,
		LastBlockID: blockID(3), LastCommitHash: fill(1, 32), DataHash: fill(2, 32),
		ValidatorsHash: set.Hash(), NextValidatorsHash: set.Hash(), ConsensusHash: fill(3, 32),
		AppHash: fill(4, 32), LastResultsHash: fill(5, 32), EvidenceHash: fill(6, 32),
		ProposerAddress: set.Proposer.Address,
	}
	block := types.BlockID{Hash: header.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: fill(7, 32)}}
	commit := &types.Commit{Height: 44, Round: 0, BlockID: block}
	for index, each := range set.Validators {
		if index == 3 {
			commit.Signatures = append(commit.Signatures, types.NewCommitSigAbsent())
			continue
		}
		signed := &types.Vote{
			Type: cmtproto.PrecommitType, Height: 44, BlockID: block, Timestamp: moment,
			ValidatorAddress: each.Address, ValidatorIndex: int32(index),
		}
		signature, err := keys[each.Address.String()].Sign(types.VoteSignBytes(chainID, signed.ToProto()))
		must(err)
		signed.Signature = signature
		commit.Signatures = append(commit.Signatures, signed.CommitSig())
	}
	return &types.LightClientAttackEvidence{
		ConflictingBlock:    &types.LightBlock{SignedHeader: &types.SignedHeader{Header: header, Commit: commit}, ValidatorSet: set},
		CommonHeight:        40,
		ByzantineValidators: set.Validators[:byzantine],
		TotalVotingPower:    set.TotalVotingPower(),
		Timestamp:           whole,
	}
}

func prove(name string, evidence types.Evidence) proof {
	must(evidence.ValidateBasic())
	text, err := cmtjson.Marshal(evidence)
	must(err)
	message, err := types.EvidenceToProto(evidence)
	must(err)
	data, err := message.Marshal()
	must(err)
	made := proof{Name: name, JSON: text, Bytes: hex.EncodeToString(data), Bare: hex.EncodeToString(evidence.Bytes())}
	for _, each := range evidence.ABCI() {
		told, err := each.Marshal()
		must(err)
		made.Misbehavior = append(made.Misbehavior, hex.EncodeToString(told))
	}
	return made
}

func write() {
	out, err := json.MarshalIndent(map[string]any{
		"format":   "cometbft-abci/1",
		"made_by":  "go run . golden (tests/foreign/abci)",
		"requests": requests(),
		"evidence": []proof{
			prove("duplicate vote", duplicate(moment)),
			prove("duplicate vote on the second", duplicate(whole)),
			prove("light client attack", attack(2)),
			prove("light client attack by nobody", attack(0)),
		},
	}, "", " ")
	must(err)
	fmt.Println(string(out))
}

func eachLine(read func(data []byte) (any, error)) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		data, err := hex.DecodeString(strings.TrimSpace(lines.Text()))
		must(err)
		said, err := read(data)
		if err != nil {
			said = map[string]string{"error": err.Error()}
		}
		text, err := json.Marshal(said)
		must(err)
		fmt.Println(string(text))
	}
	must(lines.Err())
}

func readResponse(data []byte) (any, error) {
	from := bytes.NewReader(data)
	var response abci.Response
	if err := abci.ReadMessage(from, &response); err != nil {
		return nil, err
	}
	if from.Len() != 0 {
		return nil, errors.New("bytes after the message")
	}
	text, err := (&jsonpb.Marshaler{OrigName: true}).MarshalToString(&response)
	if err != nil {
		return nil, err
	}
	var again bytes.Buffer
	must(abci.WriteMessage(&response, &again))
	return map[string]any{"response": json.RawMessage(text), "again": hex.EncodeToString(again.Bytes())}, nil
}

func readEvidence(data []byte) (any, error) {
	var message cmtproto.Evidence
	if err := message.Unmarshal(data); err != nil {
		return nil, err
	}
	evidence, err := types.EvidenceFromProto(&message)
	if err != nil {
		return nil, err
	}
	again, err := message.Marshal()
	if err != nil {
		return nil, err
	}
	if duplicate, ok := evidence.(*types.DuplicateVoteEvidence); ok {
		for _, vote := range []*types.Vote{duplicate.VoteA, duplicate.VoteB} {
			if err := vote.ValidateBasic(); err != nil {
				return nil, err
			}
		}
	}
	return map[string]any{"again": hex.EncodeToString(again), "hash": hex.EncodeToString(evidence.Hash())}, nil
}

func main() {
	switch mode := strings.Join(os.Args[1:], " "); mode {
	case "golden":
		write()
	case "read":
		eachLine(readResponse)
	case "read-evidence":
		eachLine(readEvidence)
	default:
		fmt.Fprintln(os.Stderr, "usage: abci golden | read | read-evidence")
		os.Exit(2)
	}
}
